import assert from "node:assert/strict";
import { test } from "node:test";
import type { Statement, StatementValue } from "../../src/model/statement.ts";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { betterFile, nodeFile } from "./sqlite-files.ts";

const write = (text: string, ...values: StatementValue[]): Statement => ({ text, values });

for (const [client, open] of [
  ["node:sqlite", nodeFile],
  ["better-sqlite3", betterFile],
] as const) {
  const on = (what: string, play: (shop: Awaited<ReturnType<typeof shopOf>>) => Promise<void>) =>
    test(`${client}: ${what}`, async (t) => {
      const file = open();
      const db = file.connect() as SqliteClient;
      const shop = await shopOf(db);
      t.after(async () => {
        await shop.store.close();
        file.close();
      });
      await play(shop);
    });

  on("each value of a plan is stored as SQLite has it", async ({ carry, rows }) => {
    const values = [
      "it's",
      7,
      2n ** 40n,
      -1.5,
      true,
      false,
      new Date(0),
      new Uint8Array([0]),
      null,
    ];
    for (const [place, value] of values.entries())
      assert.equal(
        (await carry(`k${place}`, [write("INSERT INTO typed VALUES (?, ?)", place, value)])).kind,
        "committed",
      );
    const stored = ["it's", 7, 2 ** 40, -1.5, 1, 0, "1970-01-01T00:00:00.000Z"];
    const read = rows("SELECT value FROM typed ORDER BY place").map(({ value }) => value);
    assert.deepEqual(read.slice(0, stored.length), stored);
    assert.deepEqual([Array.from(read[7] as Uint8Array), read[8]], [[0], null]);
  });

  on("a statement may return rows, which nobody sees", async ({ carry, rows }) => {
    const text = "INSERT INTO typed VALUES (?, ?) RETURNING place";
    assert.equal((await carry("a", [write(text, 1, "a"), write("SELECT 1")])).kind, "committed");
    assert.equal(rows("SELECT place FROM typed").length, 1);
  });

  on("a failed outcome leaves no statement tried", async ({ carry }) => {
    const nowhere = [write("INSERT INTO nowhere VALUES (1)")];
    assert.equal((await carry("f", nowhere, "failed")).kind, "committed");
    assert.equal((await carry("g", nowhere)).kind, "threw");
  });

  on(
    "what ends the transaction is noticed, and no outcome is kept",
    async ({ carry, store, rows }) => {
      for (const text of ["COMMIT", "ROLLBACK", "BEGIN"]) {
        const insert = write("INSERT INTO typed VALUES (1, 'a')");
        const answer = await carry("e", [insert, write(text)]).catch((error: unknown) => error);
        assert.notEqual((answer as { kind: string }).kind, "committed", text);
        assert.equal(answered(await store.read(claimOf("e").id)), undefined, text);
      }
      assert.equal(
        (await carry("e", [write("INSERT INTO typed VALUES (2, 'b')")])).kind,
        "committed",
      );
      assert.equal(rows("SELECT * FROM typed WHERE place = 2").length, 1);
    },
  );
}

async function shopOf(db: SqliteClient) {
  const store = sqliteStore(db);
  await store.migrate();
  db.exec("CREATE TABLE typed (place INTEGER, value)");
  const carry = async (
    key: string,
    statements: readonly Statement[],
    kind: "succeeded" | "failed" = "succeeded",
  ) => {
    assert.ok(store.carryOut);
    const settlement = settlementOf(kind === "failed" ? { kind, status: 422 } : undefined);
    const request = claimOf(key, { form: "atomic" });
    return answered(await store.carryOut(request, { statements, settlement }));
  };
  const rows = (sql: string) =>
    (db.prepare(sql) as unknown as { all(): Record<string, unknown>[] }).all();
  return { store, carry, rows };
}
