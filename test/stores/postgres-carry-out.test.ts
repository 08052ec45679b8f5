import assert from "node:assert/strict";
import { test } from "node:test";
import { carryOut } from "../../src/stores/postgres/carry-out.ts";
import { PLANNED, tableNames } from "../../src/stores/postgres/statements.ts";
import { answered, claimOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { planned } from "./postgres-planned.ts";

const REQUEST = claimOf("k", { form: "atomic" });
const WORK = { statements: [], settlement: settlementOf() };

/** What a plan comes to over a server that answers so. */
function carried(answer: string | Error) {
  const { db, clock } = planned({
    query: async () => {
      if (answer instanceof Error) throw answer;
      return [[answer]];
    },
  });
  return carryOut(db, tableNames("nevertwice_"), { ms: 0 }, clock)(REQUEST, WORK);
}

const failed = (code: string, more: object = {}): Error =>
  Object.assign(new Error("It failed."), { code, ...more });

test("a plan that is done is final in the moment that the server says", async () => {
  const answer = answered(await carried("done 1700000000000.5"));
  assert.ok(answer.kind === "committed");
  const { record, now } = answer.snapshot;
  assert.deepEqual([record.createdAt, record.finalAt, now], Array(3).fill(1_700_000_000_000.5));
  const { kind, status, headers, body } = WORK.settlement.outcome;
  assert.deepEqual(record.outcome, { kind, status, response: { headers, body } });
  const { origin, scope, key, input } = REQUEST;
  assert.deepEqual(record.request, { origin, scope, key, input });
});

test("a plan that found its key taken says so", async () => {
  for (const kind of ["busy", "key-too-old"])
    assert.deepEqual(await carried(kind), { kind: "ok", value: { kind } });
  const pruned = await carried("vanished");
  assert.ok(pruned.kind === "not-applied" && pruned.again);
});

test("an answer of another function is no plan's", async () => {
  const answer = await carried("claimed 1 2 3");
  assert.ok(answer.kind === "not-applied" && !answer.again);
  assert.match(String(answer.error), /answered with a claim/);
});

test("what a statement of the plan's broke is its own error, and what was ours is not", async () => {
  const own = failed("42P01", { where: `PL/pgSQL function nevertwice_${PLANNED}() line 1` });
  assert.deepEqual(await carried(own), { kind: "ok", value: { kind: "threw", error: own } });
  const constraint = failed("23503");
  assert.deepEqual(await carried(constraint), {
    kind: "ok",
    value: { kind: "threw", error: constraint },
  });
  const ours = failed("22P05");
  assert.deepEqual(await carried(ours), { kind: "not-applied", error: ours, again: false });
});

test("a deadlock is worth another try, and a broken line is not known", async () => {
  const deadlock = failed("40P01", { where: `function nevertwice_${PLANNED}()` });
  assert.deepEqual(await carried(deadlock), { kind: "not-applied", error: deadlock, again: true });
  const lost = new Error("A line broke.");
  assert.deepEqual(await carried(lost), { kind: "not-known", error: lost });
});
