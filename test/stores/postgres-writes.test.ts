import assert from "node:assert/strict";
import { test } from "node:test";
import type { Holder } from "../../src/model/operation.ts";
import { suspendCall } from "../../src/stores/postgres/calls.ts";
import type { LeaseConnection } from "../../src/stores/postgres/leases.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import { writes } from "../../src/stores/postgres/writes.ts";
import {
  answered,
  claimOf,
  LEASE_MS,
  RUN_FOR_MS,
  sendOf,
  settlementOf,
} from "../../src/verify/cases/sample.ts";
import { planned } from "./postgres-planned.ts";

const REQUEST = claimOf("k");
const HOLDER: Holder = { id: REQUEST.id, fence: 1, attemptId: "a" };
const BROKEN = Object.assign(new Error("A rule."), { code: "23505" });
const SUSPENSION = { state: "waiting", error: "Later.", dueInMs: 5, countAttempt: false } as const;

/** The writes of a server that answers what the test says, with what they told of their leases. */
function opened(answer: string | Error) {
  const told: string[] = [];
  const { db, done } = planned({
    query: async () => {
      if (answer instanceof Error) throw answer;
      return [[answer]];
    },
  });
  const leases: LeaseConnection = {
    hold({ id, fence }, { leaseMs, runForMs }, owner) {
      assert.equal(id, REQUEST.id);
      told.push(`hold ${fence} for ${leaseMs} of ${runForMs} as ${owner}`);
    },
    drop: (holder) => {
      assert.equal(holder, HOLDER);
      told.push("drop");
    },
    run(sql, values) {
      told.push("run");
      return db.alone(sql, values);
    },
    owner: () => "7",
    noticesDeath: () => true,
    close: async () => {},
  };
  return { told, done, store: writes(db, leases, tableNames("nevertwice_"), { ms: 0 }) };
}

test("a claim that was made is held, with the owner that it names, and no other is", async () => {
  const made = opened("claimed 1 2 3");
  assert.equal(answered(await made.store.claim(REQUEST)).kind, "claimed");
  assert.deepEqual(made.told, [`hold 1 for ${LEASE_MS} of ${RUN_FOR_MS} as 7`]);
  for (const answer of ["busy", "key-too-old"]) {
    const { store, told } = opened(answer);
    assert.deepEqual(answered(await store.claim(REQUEST)), { kind: answer });
    assert.deepEqual(told, []);
  }
});

test("a claim or a taking over that fails holds nothing, and says why", async () => {
  const over = { id: REQUEST.id, fence: 1, attemptId: "a", leaseMs: 1, runForMs: 1 };
  const failure = { kind: "not-applied", error: BROKEN, again: false };
  const { store, told } = opened(BROKEN);
  assert.deepEqual(await store.claim(REQUEST), failure);
  assert.deepEqual(await store.takeOver(over), failure);
  assert.deepEqual(answered(await opened("stale").store.takeOver(over)), { kind: "stale" });
  const pruned = await opened("vanished").store.claim(REQUEST);
  assert.ok(pruned.kind === "not-applied" && pruned.again);
  assert.deepEqual(told, []);
});

type Fenced = readonly [
  write: (store: ReturnType<typeof writes>) => Promise<unknown>,
  told: readonly string[],
];

/** Each fenced write, and whether a claim outlives it. */
const FENCED: Readonly<Record<string, Fenced>> = {
  settle: [(store) => store.settle(HOLDER, settlementOf()), ["drop"]],
  suspend: [(store) => store.suspend(HOLDER, SUSPENSION), ["drop"]],
  begin: [(store) => store.begin(HOLDER, sendOf("charge")), []],
  record: [(store) => store.record(HOLDER, "charge", { kind: "not-executed" }), []],
  renew: [(store) => store.renew(HOLDER, LEASE_MS), ["run"]],
};

for (const [name, [write, told]] of Object.entries(FENCED))
  test(`${name} that is done ${told.length === 1 && told[0] === "drop" ? "ends" : "leaves"} the hold`, async () => {
    const world = opened("done 5");
    assert.deepEqual(await write(world.store), { kind: "ok", value: "done" });
    assert.deepEqual(world.told, told);
  });

test("a claim that another has followed is held no longer, but a step may be stale alone", async () => {
  const told: Record<string, readonly string[]> = {};
  for (const [name, [write]] of Object.entries(FENCED)) {
    const world = opened("stale");
    assert.deepEqual(await write(world.store), { kind: "ok", value: "stale" });
    told[name] = world.told;
  }
  assert.deepEqual(told, {
    ...{ settle: ["drop"], suspend: ["drop"], renew: ["run", "drop"] },
    ...{ begin: [], record: [] },
  });
});

test("an answer that is neither keeps the hold, and so does none", async () => {
  for (const [name, [write]] of Object.entries(FENCED)) {
    const own = name === "renew" ? ["run"] : [];
    const unsettled = opened("unsettled");
    assert.deepEqual(await write(unsettled.store), { kind: "ok", value: "unsettled" });
    assert.deepEqual(unsettled.told, own);
    const broken = opened(BROKEN);
    const failure = { kind: "not-applied", error: BROKEN, again: false };
    assert.deepEqual(await write(broken.store), failure);
    assert.deepEqual(broken.told, own);
  }
});

test("a write that cannot be sent was not applied", async () => {
  const { store, done } = opened("done");
  const answer = await store.settle({ ...HOLDER, id: "x" as Holder["id"] }, settlementOf());
  assert.ok(answer.kind === "not-applied" && !answer.again);
  assert.match(String(answer.error), /64 hexadecimal digits/);
  assert.deepEqual(done, []);
});

test("an error's NUL, which the database cannot store, is still to be seen", () => {
  const { values } = suspendCall(HOLDER, { ...SUSPENSION, error: "a\0b" }, 0);
  assert.ok(values.includes("a\uFFFDb"));
});
