import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../../src/stores/postgres/client.ts";
import { DeadlineError } from "../../src/stores/postgres/errors.ts";
import { SQLSTATES } from "../../src/stores/postgres/statements.ts";
import { PATIENCE, planned } from "./postgres-planned.ts";

const ANSWER: readonly Row[] = [["answer"]];
const NEVER = new Promise<never>(() => {});
const LOST = new Error("A line broke.");

const failed = (code: string): Error => Object.assign(new Error("It failed."), { code });

test("a statement gives its connection back, whatever the server says of it", async () => {
  const good = planned({});
  assert.deepEqual(await good.db.alone("SELECT 1", []), { kind: "ok", value: ANSWER });
  assert.deepEqual(good.done.slice(1), ["query", "release"]);
  const error = failed("23505");
  const refused = planned({ query: () => Promise.reject(error) });
  const answer = await refused.db.alone("SELECT 1", []);
  assert.deepEqual(answer, { kind: "not-applied", error, again: false });
  assert.deepEqual(refused.done.slice(1), ["query", "release"]);
});

test("a statement whose line broke ends its connection, and is not known", async () => {
  const { db, done } = planned({ query: () => Promise.reject(LOST) });
  assert.deepEqual(await db.alone("SELECT 1", []), { kind: "not-known", error: LOST });
  assert.deepEqual(done.slice(1), ["query", "destroy"]);
});

test("a statement without an answer is given up after its patience", async () => {
  const { db, done, clock } = planned({ query: () => NEVER });
  const asked = db.alone("SELECT 1", []);
  await clock.pass(PATIENCE.statementMs + 25);
  const answer = await asked;
  assert.ok(answer.kind === "not-known" && answer.error instanceof DeadlineError);
  assert.match(answer.error.message, /^A statement /);
  assert.deepEqual(done.slice(1), ["query", "destroy"]);
});

test("without a connection nothing was sent, in a transaction or not", async () => {
  for (const how of ["alone", "wrapped"] as const) {
    const { db, done } = planned({ acquire: () => Promise.reject(LOST) });
    assert.deepEqual(await db[how]("SELECT 1", []), {
      ...{ kind: "not-applied", error: LOST, again: true },
    });
    assert.deepEqual(done, ["acquire"]);
  }
});

test("a connection that comes too late goes back to the pool", async () => {
  const coming = Promise.withResolvers<void>();
  const { db, done, clock } = planned({
    acquire: async (session) => {
      await coming.promise;
      return session;
    },
  });
  const asked = db.alone("SELECT 1", []);
  await clock.pass(PATIENCE.connectMs + 25);
  const answer = await asked;
  assert.ok(answer.kind === "not-applied" && answer.again);
  assert.ok(answer.error instanceof DeadlineError);
  assert.match(answer.error.message, /connection/);
  assert.deepEqual(done, ["acquire"]);
  coming.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(done, ["acquire", "release"]);
});

test("a statement in a transaction of ours begins, asks, commits and gives back", async () => {
  const { db, done, scripts } = planned({});
  assert.deepEqual(await db.wrapped("SELECT 1", []), { kind: "ok", value: ANSWER });
  assert.deepEqual(done.slice(1), ["begin", "query", "commit", "release"]);
  const [begin = "", , last = ""] = scripts;
  assert.match(begin, /^BEGIN ISOLATION LEVEL READ COMMITTED; SELECT/);
  for (const setting of [
    "'lock_timeout', '1', true",
    "'statement_timeout', '100', true",
    "'idle_in_transaction_session_timeout', '2', true",
  ])
    assert.ok(begin.includes(setting), setting);
  assert.match(last, /^SELECT pg_current_xact_id_if_assigned/);
});

test("a transaction of ours that failed before its COMMIT was rolled back", async () => {
  const error = failed("XX000");
  for (const plan of [
    { begin: () => Promise.reject(error) },
    { query: () => Promise.reject(error) },
  ]) {
    const { db, done } = planned(plan);
    assert.deepEqual(await db.wrapped("SELECT 1", []), {
      kind: "not-applied",
      error,
      again: false,
    });
    assert.deepEqual(done.slice(-2), ["rollback", "release"]);
  }
});

test("a COMMIT that was answered with ROLLBACK was not applied", async () => {
  const { db } = planned({ commit: async () => ({ committed: false, row: [] }) });
  const answer = await db.wrapped("SELECT 1", []);
  assert.ok(answer.kind === "not-applied" && !answer.again);
  assert.match(String(answer.error), /ROLLBACK/);
});

test("a COMMIT whose answer is lost or late is not known, and its connection is ended", async () => {
  const lost = planned({ commit: () => Promise.reject(LOST) });
  assert.deepEqual(await lost.db.wrapped("SELECT 1", []), { kind: "not-known", error: LOST });
  assert.deepEqual(lost.done.slice(1), ["begin", "query", "commit", "destroy"]);
  const late = planned({ commit: () => NEVER });
  const asked = late.db.wrapped("SELECT 1", []);
  await late.clock.pass(PATIENCE.commitMs - 25);
  assert.equal(late.done.at(-1), "commit", "it has more patience than a statement");
  await late.clock.pass(50);
  const answer = await asked;
  assert.ok(answer.kind === "not-known" && answer.error instanceof DeadlineError);
  assert.match(answer.error.message, /^COMMIT /);
  assert.equal(late.done.at(-1), "destroy");
});

test("a COMMIT that the server refused is rolled back, and its connection lives on", async () => {
  const error = failed("23503");
  const { db, done } = planned({ commit: () => Promise.reject(error) });
  assert.deepEqual(await db.wrapped("SELECT 1", []), { kind: "not-applied", error, again: false });
  assert.deepEqual(done.slice(1), ["begin", "query", "commit", "rollback", "release"]);
});

test("a connection that cannot be rolled back is ended", async () => {
  const broken = planned({ rollback: () => Promise.reject(LOST) });
  await broken.db.abandon(broken.session);
  assert.deepEqual(broken.done, ["rollback", "destroy"]);
  const silent = planned({ rollback: () => NEVER });
  const abandoning = silent.db.abandon(silent.session);
  await silent.clock.pass(PATIENCE.statementMs + 25);
  await abandoning;
  assert.deepEqual(silent.done, ["rollback", "destroy"]);
});

test("a BEGIN that is never answered is given up, and nothing was applied", async () => {
  const { db, clock } = planned({ begin: () => NEVER, rollback: () => NEVER });
  const asked = db.wrapped("SELECT 1", []);
  await clock.pass(PATIENCE.statementMs + 25);
  await clock.pass(PATIENCE.statementMs + 25);
  const answer = await asked;
  assert.equal(answer.kind, "not-applied");
  assert.match(String("error" in answer && answer.error), /BEGIN/);
});

test("a begun transaction tells its id and its last row, and none where there is no row", async () => {
  const { db, session } = planned({});
  assert.deepEqual(await db.begin(session), { transactionId: "77", row: ["x", "77"] });
  for (const rows of [[], [[]], [[null]]] as const) {
    const empty = planned({ begin: async () => rows });
    assert.equal((await empty.db.begin(empty.session)).transactionId, "");
  }
});

test("where the default isolation is another, one failure teaches it for good", async () => {
  let asked = 0;
  const { db, done } = planned({
    query() {
      asked += 1;
      return asked === 1 ? Promise.reject(failed(SQLSTATES.isolation)) : Promise.resolve(ANSWER);
    },
  });
  assert.deepEqual(await db.alone("SELECT 1", []), { kind: "ok", value: ANSWER });
  assert.deepEqual(
    done.filter((name) => name !== "acquire"),
    ["query", "release", "begin", "query", "commit", "release"],
  );
  done.length = 0;
  assert.deepEqual(await db.alone("SELECT 2", []), { kind: "ok", value: ANSWER });
  assert.deepEqual(done.slice(1), ["begin", "query", "commit", "release"]);
});
