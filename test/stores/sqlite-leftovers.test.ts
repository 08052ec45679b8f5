import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type Database from "better-sqlite3";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { betterFile } from "./sqlite-files.ts";
import { both, done, eventOf, workOf } from "./sqlite-inbox-bench.ts";

const WON = { settlement: settlementOf(), value: "mine" };

async function opened(t: TestContext) {
  const file = betterFile();
  t.after(() => file.close());
  const [db, other] = [file.connect(), file.connect()];
  const store = sqliteStore(db, { waitMs: 0 });
  await store.migrate();
  db.exec("CREATE TABLE orders (id TEXT); INSERT INTO orders VALUES ('a'), ('b')");
  return { db, other, store };
}

function reading(db: Database.Database): IterableIterator<unknown> {
  const rows = db.prepare("SELECT id FROM orders").iterate();
  rows.next();
  return rows;
}

test("what a callback goes on reading keeps its transaction open no longer than that", async (t) => {
  const { db, other, store } = await opened(t);
  let rows: IterableIterator<unknown> | undefined;
  const [before, ender] = await Promise.all([
    store.claim(claimOf("before")),
    store.atomic(claimOf("ender", { form: "atomic" }), (tx) => {
      tx.exec("INSERT INTO orders VALUES ('lost')");
      rows = reading(tx);
      return WON;
    }),
  ]);
  assert.equal(ender.kind, "not-applied");
  assert.ok(before.kind === "not-applied" && before.again, "what is rolled back was not claimed");
  const meanwhile = await store.claim(claimOf("meanwhile"));
  assert.ok(meanwhile.kind === "not-applied" && meanwhile.again);
  rows?.return?.();
  assert.equal(answered(await store.claim(claimOf("before"))).kind, "claimed");
  assert.equal(answered(await store.read(claimOf("ender").id)), undefined);
  assert.deepEqual(other.prepare("SELECT id FROM orders WHERE id = 'lost'").all(), []);
  assert.equal(db.inTransaction, false);
  other.exec("BEGIN IMMEDIATE; ROLLBACK");
});

test("a query that the user reads on the connection is waited for", async (t) => {
  const { db, store } = await opened(t);
  const rows = reading(db);
  const early = await store.claim(claimOf("k"));
  assert.ok(early.kind === "not-applied" && early.again);
  rows.return?.();
  assert.equal(answered(await store.claim(claimOf("k"))).kind, "claimed");
});

both("a temporary table of the user's counts no events", async (t, { store, db }) => {
  db.exec("CREATE TEMP TABLE draft (id INTEGER PRIMARY KEY AUTOINCREMENT)");
  db.exec("INSERT INTO draft DEFAULT VALUES");
  for (const key of ["a", "b"]) {
    const answer = await store.inbox.acceptHandled(eventOf(key), (_, { number }) =>
      workOf(key, [done(number)]),
    );
    assert.equal(answered(answer).kind, "committed", t.name);
  }
});
