/** Compiled, never run: what users get from inference, and what must not compile. */
import { DatabaseSync } from "node:sqlite";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import pg, { type PoolClient } from "pg";
import postgres from "postgres";
import { z } from "zod";
import { declined, fail, nevertwice, ok, unwrap } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only if the two types are the same. */
function same<A, B>(..._: Same<A, B> extends true ? [] : [never]): void {}

const orders = pgTable("orders", { id: text("id").primaryKey() });
const input = z.object({ cartId: z.string(), amount: z.int(), note: z.string().default("none") });
const once = nevertwice({ store: postgresStore(new pg.Pool()), namespace: "types" });

const checkout = once.operation("checkout", {
  input,
  handler: async (op, order) => {
    same<typeof order, { cartId: string; amount: number; note: string }>();
    const orderId = await op.atomic("reserve", async (tx) => {
      same<typeof tx, PoolClient>();
      await tx.query("select 1");
      return "order_1";
    });
    same<typeof orderId, string>();
    const charge = await op.external("charge", {
      input: { amount: order.amount },
      send: async ({ key, signal }) => {
        same<typeof key, string>();
        same<typeof signal, AbortSignal>();
        if (order.amount > 5) return declined({ code: "too_much" });
        return { id: "ch_1" };
      },
    });
    // @ts-expect-error The value is there only once `declined` was looked at.
    void charge.value;
    if (charge.declined) return fail({ reason: charge.decline.code }, 402);
    same<typeof charge.value, { id: string }>();
    return op.settle(async (_tx, write) => {
      write.stage("receipt", { orderId });
      return ok({ orderId, chargeId: charge.value.id }, 201);
    });
  },
});

export async function callers(): Promise<void> {
  const result = await checkout.run({ scope: "a", key: "k", input: { cartId: "c", amount: 1 } });
  // @ts-expect-error There is no body before the kind was looked at.
  void result.body;
  if (result.kind === "succeeded" || result.kind === "failed") {
    const { body } = result;
    if ("orderId" in body) same<typeof body.chargeId, string>();
    void body;
  } else {
    same<typeof result.retry, "same-key" | "new-key" | "never">();
  }
  const { status } = unwrap(result);
  same<typeof status, number>();
  // @ts-expect-error A scope is required.
  await checkout.run({ key: "k", input: { cartId: "c", amount: 1 } });
  // @ts-expect-error The input is typed by the schema.
  await checkout.run({ scope: "a", key: "k", input: { cartId: "c", amount: "1" } });
}

once.operation("not-json", {
  input,
  handler: async (op) => {
    // @ts-expect-error A Date does not survive JSON, so a step may not return one.
    await op.atomic("dated", async () => new Date());
    // @ts-expect-error Nor may a map, however deep.
    await op.atomic("mapped", async () => ({ deep: [new Map()] }));
    await op.atomic("fine", async () => ({ deep: [1, "two", null] }));
    return ok();
  },
});

const embedded = nevertwice({ store: sqliteStore(new DatabaseSync(":memory:")) });
embedded.operation("sync", {
  input,
  handler: async (op) => {
    const changes = await op.atomic("write", (tx) => {
      same<typeof tx, DatabaseSync>();
      return Number(tx.prepare("select 1").run().changes);
    });
    same<typeof changes, number>();
    // @ts-expect-error The callbacks of SQLite are synchronous.
    await op.atomic("awaits", async () => 1);
    // @ts-expect-error So is the settlement's.
    return op.settle(async () => ok());
  },
});
embedded.atomic("local", { input, handler: (op) => ok({ open: op.tx.isOpen }) });
// @ts-expect-error And so is the handler of an atomic operation.
embedded.atomic("async", { input, handler: async () => ok() });

const planned = embedded.atomic("planned", {
  input,
  plan: (op, order) => {
    same<typeof order, { cartId: string; amount: number; note: string }>();
    // @ts-expect-error A plan has no transaction: it says what is to be written.
    void op.tx;
    op.write("INSERT INTO orders VALUES (?, ?)", [op.key, order.amount]);
    op.write(drizzle(new pg.Pool()).insert(orders).values({ id: op.key }));
    return ok({ orderId: op.key }, 201);
  },
});
export async function callPlanned(): Promise<void> {
  const { body } = unwrap(
    await planned.run({ scope: "a", key: "k", input: { cartId: "c", amount: 1 } }),
  );
  same<typeof body, { readonly orderId: string }>();
}
// @ts-expect-error A plan is synchronous.
embedded.atomic("later", { input, plan: async () => ok() });
// @ts-expect-error An operation has a handler or a plan.
embedded.atomic("both", { input, plan: () => ok(), handler: () => ok() });

const better = nevertwice({ store: sqliteStore(new Database(":memory:")) });
better.atomic("typed", {
  input,
  handler: (op) => {
    same<typeof op.tx, Database.Database>();
    return ok();
  },
});

const store = postgresStore(new pg.Pool(), { transaction: (client) => drizzle(client) });
nevertwice({ store }).atomic("orm", {
  input,
  handler: async (op) => {
    await op.tx.execute("select 1");
    return ok();
  },
});

nevertwice({ store: postgresStore(postgres("postgres://localhost")) }).atomic("postgres-js", {
  input,
  handler: async (op) => {
    await op.tx`select 1`;
    return ok();
  },
});

nevertwice({ store: memoryStore() }).atomic("memory", {
  input,
  handler: async (op) => {
    op.tx.table<{ status: string }>("orders").insert("o1", { status: "new" });
    return ok({ made: true }, 201);
  },
});

// @ts-expect-error A store is required.
nevertwice({});
// @ts-expect-error Options are spelled as documented.
nevertwice({ store: memoryStore(), leaseSeconds: 3 });
