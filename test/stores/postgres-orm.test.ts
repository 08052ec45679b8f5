import assert from "node:assert/strict";
import { after, test } from "node:test";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import { type Generated, Kysely, PostgresDialect } from "kysely";
import type { OperationStore } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { createDatabase, openServer, quietPool, stopServer } from "./postgres-bench.ts";

const opened = await openServer();
const skip = "skip" in opened ? opened.skip : false;
after(stopServer);

test("a callback's transaction is Drizzle's or Kysely's own", { skip }, async () => {
  const database = await createDatabase();
  const pool = quietPool(database.url);
  await pool.query("CREATE TABLE orders (id text UNIQUE)");
  const table = pgTable("orders", { id: text("id") });
  const byDrizzle: OperationStore<NodePgDatabase, "async"> = postgresStore(pool, {
    transaction: (client) => drizzle(client) as NodePgDatabase,
  });
  interface Tables {
    orders: { id: Generated<string> };
  }
  const byKysely = postgresStore(pool, {
    transaction: (client) =>
      new Kysely<Tables>({
        dialect: new PostgresDialect({
          pool: {
            connect: async () => ({ query: client.query.bind(client), release() {} }) as never,
            end: async () => {},
            options: {},
          },
        }),
      }),
  });
  await byDrizzle.migrate();
  const done = { settlement: settlementOf(), value: 1 };
  const one = await byDrizzle.atomic(claimOf("d", { form: "atomic" }), async (tx) => {
    await tx.insert(table).values({ id: "drizzle" });
    return done;
  });
  const two = await byKysely.atomic(claimOf("k", { form: "atomic" }), async (tx) => {
    await tx.insertInto("orders").values({ id: "kysely" }).execute();
    return done;
  });
  const three = await byKysely.atomic(claimOf("f", { form: "atomic" }), async (tx) => {
    await tx.insertInto("orders").values({ id: "rolled back" }).execute();
    throw new Error("no");
  });
  assert.deepEqual(
    [one, two, three].map((answer) => answered(answer).kind),
    ["committed", "committed", "threw"],
  );
  const { rows } = await pool.query("SELECT id FROM orders ORDER BY id");
  assert.deepEqual(rows, [{ id: "drizzle" }, { id: "kysely" }]);
  await pool.end();
  await database.drop();
});
