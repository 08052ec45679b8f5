import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import type Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { systemClock } from "../../src/model/clock.ts";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { DOUBTS, FORMS, isFinal, STATES, TRANSITIONS } from "../../src/model/operation.ts";
import type { Answer, OperationStore } from "../../src/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimOf, recordOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { betterFile, nodeFile } from "./sqlite-files.ts";

const WON = { settlement: settlementOf(), value: "mine" };

async function opened(t: TestContext): Promise<{
  db: DatabaseSync;
  other: DatabaseSync;
  store: OperationStore<DatabaseSync, "sync">;
}> {
  const file = nodeFile();
  t.after(() => file.close());
  const [db, other] = [file.connect(), file.connect()];
  const store = sqliteStore(db);
  await store.migrate();
  db.exec("CREATE TABLE orders (id TEXT PRIMARY KEY)");
  return { db, other, store };
}

function assertRefused(answer: Answer<unknown>, code: "schema-outdated" | "capability-missing") {
  assert.ok(answer.kind === "not-applied" && !answer.again);
  assert.ok(isNevertwiceError(answer.error, code), String(answer.error));
}

test("commits are synchronous=FULL in WAL mode, whatever the user sets later", async (t) => {
  const file = betterFile();
  t.after(() => file.close());
  const db = file.connect();
  const level = (): unknown => db.pragma("synchronous", { simple: true });
  const store = sqliteStore(db);
  await store.migrate();
  assert.equal(db.pragma("journal_mode", { simple: true }), "wal");
  assert.equal(level(), 2);
  db.pragma("synchronous = NORMAL");
  assert.equal(level(), 1);
  answered(await store.claim(claimOf("k")));
  assert.equal(level(), 2);
});

test("a synchronous=EXTRA of the user's stays", async (t) => {
  const file = betterFile();
  t.after(() => file.close());
  const db = file.connect();
  db.pragma("synchronous = EXTRA");
  const store = sqliteStore(db);
  await store.migrate();
  answered(await store.claim(claimOf("k")));
  assert.equal(db.pragma("synchronous", { simple: true }), 3);
});

test("a database that cannot keep a commit is refused", async () => {
  const store = sqliteStore(new DatabaseSync(":memory:"));
  assertRefused(await store.claim(claimOf("k")), "capability-missing");
  await assert.rejects(store.migrate(), (error) => isNevertwiceError(error, "capability-missing"));
});

test("a prefix that is no identifier is refused", () => {
  const db = new DatabaseSync(":memory:");
  for (const prefix of ["", "a b", "x;DROP TABLE orders--", '"', "1st", "sqlite_", "a".repeat(41)])
    assert.throws(
      () => sqliteStore(db, { prefix }),
      (error) => isNevertwiceError(error, "option-invalid"),
    );
});

test("an asynchronous callback is refused and rolled back (H10)", async (t) => {
  const { db, store } = await opened(t);
  const request = claimOf("k", { form: "atomic" });
  const late = Promise.withResolvers<void>();
  const answer = answered(
    await store.atomic(request, async (tx) => {
      tx.exec("INSERT INTO orders VALUES ('half')");
      await late.promise;
      throw new Error("nobody waits for this");
    }),
  );
  late.resolve();
  assert.ok(answer.kind === "threw");
  assert.ok(isNevertwiceError(answer.error, "callback-asynchronous"));
  assert.deepEqual(db.prepare("SELECT id FROM orders").all(), []);
  assert.equal(answered(await store.read(request.id)), undefined);
  assert.equal(answered(await store.atomic(request, () => WON)).kind, "committed");
});

test("while another connection writes, the event loop runs on (H10)", async (t) => {
  const file = betterFile();
  t.after(() => file.close());
  // The client's own default is to block for five seconds.
  const store = sqliteStore(file.connect());
  await store.migrate();
  const other = file.connect();
  other.exec("BEGIN IMMEDIATE");
  const began = systemClock.monotonic();
  let answers = 0;
  const claim = store.claim(claimOf("k")).finally(() => {
    answers += 1;
  });
  assert.equal(answered(await store.read(claimOf("k").id)), undefined, "reading goes on");
  await ticks(20);
  assert.ok(systemClock.monotonic() - began < 3_000, "the timer was not blocked");
  assert.equal(answers, 0);
  other.exec("COMMIT");
  assert.equal(answered(await claim).kind, "claimed");
});

/** Resolves after `count` ticks of a timer, which a blocked event loop would not give. */
function ticks(count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    const timer = setInterval(() => {
      seen += 1;
      if (seen < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}

test("a write that waited for `waitMs` is not applied, and worth the same call", async (t) => {
  const { db, other } = await opened(t);
  const store = sqliteStore(db, { waitMs: 20 });
  other.exec("BEGIN IMMEDIATE");
  const answer = await store.claim(claimOf("k"));
  assert.ok(answer.kind === "not-applied" && answer.again);
  other.exec("COMMIT");
  assert.equal(answered(await store.claim(claimOf("k"))).kind, "claimed");
});

test("a transaction that the user holds open on the connection stays the user's", async (t) => {
  const { db, other, store } = await opened(t);
  db.exec("BEGIN; INSERT INTO orders VALUES ('own')");
  const claim = store.claim(claimOf("k"));
  await ticks(5);
  db.exec("ROLLBACK");
  assert.equal(answered(await claim).kind, "claimed");
  assert.deepEqual(other.prepare("SELECT id FROM orders").all(), []);
});

test("the trigger allows exactly the transitions of the table", async (t) => {
  const { db, store } = await opened(t);
  for (const from of STATES)
    for (const to of STATES) {
      const { id } = claimOf(`${from} to ${to}`);
      answered(await store.claim(claimOf(`${from} to ${to}`)));
      const move = (state: string): void =>
        void db
          .prepare(`UPDATE nevertwice_operation SET state = @state,
  lease_until = iif(@state = 'running', 1, NULL), run_until = iif(@state = 'running', 1, NULL),
  final_at = iif(@final, 1, NULL), outcome_status = iif(@final, 200, NULL) WHERE id = unhex(@id)`)
          .run({ state, id, final: state === "succeeded" || state === "failed" ? 1 : 0 });
      if (from !== "running") move(from);
      if (TRANSITIONS[from].includes(to)) move(to);
      else assert.throws(() => move(to), /never changes|not legal/, `${from} to ${to}`);
      assert.equal((await recordOf(store, id)).state, TRANSITIONS[from].includes(to) ? to : from);
    }
});

test("the checks of the tables are the lists of the model", async (t) => {
  const { db, store } = await opened(t);
  answered(await store.claim(claimOf("k")));
  const set = (column: string, value: string) => (): void =>
    void db.prepare(`UPDATE nevertwice_operation SET ${column} = @value`).run({ value });
  for (const form of FORMS) set("form", form)();
  for (const doubt of DOUBTS) set("doubt", doubt)();
  for (const column of ["form", "doubt", "state"])
    assert.throws(set(column, "other"), /CHECK|legal/);
});

test("a final row is fixed in SQL, and only a tombstone can be deleted", async (t) => {
  const { db, store } = await opened(t);
  answered(await store.atomic(claimOf("k", { form: "atomic" }), () => WON));
  const before = await recordOf(store, claimOf("k").id);
  assert.ok(isFinal(before.state));
  for (const sql of [
    "UPDATE nevertwice_operation SET outcome_status = 500",
    "UPDATE nevertwice_operation SET fence = fence + 1",
    "UPDATE nevertwice_operation SET final_at = final_at + 1",
    "UPDATE nevertwice_response SET body = x''",
    "DELETE FROM nevertwice_operation",
  ])
    assert.throws(() => db.exec(sql), /never changes|tombstone/, sql);
  assert.deepEqual(await recordOf(store, before.id), before);
});

test("missing, older and newer tables are told apart from an unreachable store", async (t) => {
  const file = nodeFile();
  t.after(() => file.close());
  const db = file.connect();
  assertRefused(await sqliteStore(db).claim(claimOf("k")), "schema-outdated");
  assertRefused(await sqliteStore(db).read(claimOf("k").id), "schema-outdated");
  await sqliteStore(db).migrate();
  db.exec("UPDATE nevertwice_setting SET value = '99' WHERE name = 'schema-needs'");
  assertRefused(await sqliteStore(db).claim(claimOf("k")), "schema-outdated");
  db.exec("UPDATE nevertwice_setting SET value = '1' WHERE name = 'schema-needs'");
  db.exec("INSERT INTO nevertwice_migration VALUES (99, 'compatible', 0)");
  assert.equal(answered(await sqliteStore(db).claim(claimOf("k"))).kind, "claimed");
});

test("the schema as text does what migrating does", async (t) => {
  const file = nodeFile();
  t.after(() => file.close());
  const db = file.connect();
  const store = sqliteStore(db, { prefix: "shop_" });
  db.exec(store.schema());
  assert.equal(answered(await store.claim(claimOf("k"))).kind, "claimed");
  assert.deepEqual(await store.migrate(), []);
});

test("the callback is given the user's object, or what `transaction` makes of it", async (t) => {
  const file = betterFile();
  t.after(() => file.close());
  const db = file.connect();
  const plain: OperationStore<Database.Database, "sync"> = sqliteStore(db);
  await plain.migrate();
  const request = claimOf("plain", { form: "atomic" });
  const same = answered(await plain.atomic(request, (tx) => ({ ...WON, value: tx === db })));
  assert.ok(same.kind === "committed" && same.value);
  const mapped = sqliteStore(db, { transaction: (client) => drizzle({ client }) });
  const rows = answered(
    await mapped.atomic(claimOf("mapped", { form: "atomic" }), (tx) => ({
      ...WON,
      value: tx.all<{ n: number }>("SELECT 1 AS n"),
    })),
  );
  assert.ok(rows.kind === "committed");
  assert.deepEqual(rows.value, [{ n: 1 }]);
});

test("a database that is set to big integers and arrays is read as plain rows", async (t) => {
  const file = nodeFile();
  t.after(() => file.close());
  const db = new DatabaseSync(file.path, { readBigInts: true, returnArrays: true });
  t.after(() => db.close());
  const store = sqliteStore(db);
  await store.migrate();
  answered(await store.claim(claimOf("k")));
  const record = await recordOf(store, claimOf("k").id);
  assert.equal(record.fence, 1);
  assert.equal(typeof record.createdAt, "number");
});
