import assert from "node:assert/strict";
import { after, test } from "node:test";
import { atomic } from "../../src/stores/postgres/atomic.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import {
  begun,
  type Context,
  finish,
  judged,
  refusedClaim,
  run,
  toClaimAnswer,
} from "../../src/stores/postgres/transaction.ts";
import {
  answered,
  claimed,
  claimOf,
  messageOf,
  recordOf,
  settlementOf,
  settleWrite,
} from "../../src/verify/cases/sample.ts";
import { over, stopServer } from "./postgres-bench.ts";
import { type Plan, planned } from "./postgres-planned.ts";

after(stopServer);

const NAMES = tableNames("nevertwice_");
const NEVER = new Promise<never>(() => {});
const LOST = new Error("A line broke.");
const FAILED = settlementOf({ kind: "failed", status: 402 });

const failed = (code: string, more: object = {}): Error =>
  Object.assign(new Error("It failed."), { code }, more);

function opened(plan: Plan = {}) {
  const world = planned(plan);
  const context: Context<string> = {
    ...{ pool: world.db, names: NAMES, skew: { ms: 0 }, toTx: () => "tx" },
  };
  return { ...world, context };
}

test("a transaction that could not begin was not applied, and its session is ended", async () => {
  const unreached = opened({ acquire: () => Promise.reject(LOST) });
  const never = async (): Promise<never> => assert.fail("nothing was begun");
  assert.deepEqual(await begun(unreached.context, undefined, never), {
    ...{ kind: "not-applied", error: LOST, again: true },
  });
  const broken = opened({
    begin: () => Promise.reject(LOST),
    rollback: () => Promise.reject(LOST),
  });
  assert.deepEqual(await begun(broken.context, undefined, never), {
    ...{ kind: "not-applied", error: LOST, again: false },
  });
  assert.equal(broken.done.at(-1), "destroy");
});

test("the last write is done only if its COMMIT was", async () => {
  const good = opened();
  assert.deepEqual(await finish(good.context, good.session, "SELECT 1", "77"), {
    ...{ kind: "done", answer: "last" },
  });
  const bare = opened({ commit: async () => ({ committed: true, row: [] }) });
  assert.deepEqual(await finish(bare.context, bare.session, "SELECT 1", "77"), {
    ...{ kind: "done", answer: "" },
  });
  const undone = opened({ commit: async () => ({ committed: false, row: [] }) });
  const threw = await finish(undone.context, undone.session, "SELECT 1", "77");
  assert.ok(threw.kind === "threw" && threw.error instanceof Error);
});

test("a callback is answered by what it gave, threw, or lost", async () => {
  const { context, session } = opened();
  const read = (value: number): number => value + 1;
  for (const give of [() => 1, async () => 1])
    assert.deepEqual(await run(context, session, give, read), { kind: "returned", value: 2 });
  for (const error of [LOST, failed("23505"), undefined]) {
    const threw = { kind: "threw", error };
    assert.deepEqual(await run(context, session, () => Promise.reject(error), read), threw);
  }
  const unread = (): never => {
    throw LOST;
  };
  assert.deepEqual(await run(context, session, () => 1, unread), { kind: "threw", error: LOST });
  const rerun = failed("40001");
  assert.deepEqual(await run(context, session, () => Promise.reject(rerun), read), {
    ...{ kind: "not-applied", error: rerun, again: true },
  });
  const gone = opened();
  const waiting = run(gone.context, gone.session, (tx) => (tx === "tx" ? NEVER : 1), read);
  gone.lose(LOST);
  assert.deepEqual(await waiting, { kind: "not-applied", error: LOST, again: true });
});

test("a constraint of the user's own is the callback's fault, and one of ours is not", () => {
  const said = (error: unknown): string =>
    judged(NAMES, { kind: "not-applied", error, again: false }).kind;
  for (const table of ["orders", "outbox", undefined])
    assert.equal(said(failed("23503", { table })), "threw");
  for (const name of ["table", "table_name"])
    assert.equal(said(failed("23505", { [name]: "nevertwice_outbox" })), "not-applied");
  for (const code of ["25P02", "25P01", "3B001", "NT002"])
    assert.equal(said(failed(code)), "threw", code);
  for (const error of [failed("40001"), failed("42P23"), failed("57014"), LOST, null, undefined, 7])
    assert.equal(said(error), "not-applied");
  const stale = Object.assign(new Error("stale"), { code: "NT001" });
  const refused = judged(NAMES, { kind: "not-applied", error: stale, again: false });
  assert.deepEqual(refused, { kind: "refused", reason: "stale" });
  const claim = refusedClaim("stale");
  assert.ok(claim.kind === "threw" && /stale/.test(String(claim.error)));
});

test("a claim's answer is a claim, somebody else's, or one that vanished", () => {
  const request = claimOf("k");
  const own = toClaimAnswer(request, "claimed 10 20 30");
  assert.ok(own.kind === "claimed");
  const { createdAt, leaseUntil, runUntil, fence } = own.snapshot.record;
  assert.deepEqual([createdAt, leaseUntil, runUntil, fence, own.snapshot.now], [10, 20, 30, 1, 10]);
  for (const kind of ["busy", "key-too-old"] as const)
    assert.deepEqual(toClaimAnswer(request, kind), { kind: "unclaimed", value: { kind } });
  for (const other of ["vanished", ""]) {
    const gone = toClaimAnswer(request, other);
    assert.ok(gone.kind === "not-applied" && gone.again);
  }
});

/** An atomic operation whose claim, proof and last answer are what the plan says. */
async function atomically(plan: Plan, last: string, settlement = FAILED) {
  const world = opened({
    begin: async () => [["claimed 10 20 30", "77"]],
    script: async () => [["77"]],
    commit: async () => ({ committed: true, row: [last, "78"] }),
    ...plan,
  });
  const request = claimOf("k", { form: "atomic" });
  const answer = await atomic(world.context, request, () => ({ settlement, value: 1 }));
  return { ...world, answer };
}

test("who claims between the two transactions of a failed outcome has the key", async () => {
  for (const kind of ["busy", "key-too-old"]) {
    const { answer } = await atomically({}, kind);
    assert.deepEqual(answer, { kind: "ok", value: { kind } });
  }
  for (const last of ["claimed 10 20 30", "vanished", ""]) {
    const { answer } = await atomically({}, last);
    assert.ok(answer.kind === "not-applied" && answer.again, last);
  }
  const { answer } = await atomically({}, "done 40");
  assert.ok(answer.kind === "ok" && answer.value.kind === "committed");
  assert.equal(answer.value.snapshot.record.finalAt, 40);
});

test("a failed outcome is written only where the transaction is still the claim's", async () => {
  const other = await atomically({ script: async () => [["78"]] }, "done 40");
  assert.equal(answered(other.answer).kind, "threw");
  assert.ok(!other.done.includes("commit"));
  const aborted = await atomically({ script: () => Promise.reject(failed("25P02")) }, "done 40");
  assert.equal(answered(aborted.answer).kind, "committed");
  for (const error of [LOST, failed("57014")]) {
    const broken = await atomically({ script: () => Promise.reject(error) }, "done 40");
    assert.ok(broken.answer.kind === "not-applied");
    assert.equal(broken.answer.error, error);
    assert.ok(!broken.done.includes("commit"));
  }
});

test("a succeeded outcome is written in the claim's own transaction", async () => {
  const { answer, done } = await atomically(
    { commit: async () => ({ committed: true, row: ["done 40", "77"] }) },
    "",
    settlementOf(),
  );
  assert.equal(answered(answer).kind, "committed");
  assert.deepEqual(done, ["acquire", "begin", "commit", "release"]);
});

test("a refusal of an atomic operation's own write is its callback's fault", async () => {
  const stale = Object.assign(new Error("stale"), { code: "NT001" });
  const { answer } = await atomically({ commit: () => Promise.reject(stale) }, "", settlementOf());
  const threw = answered(answer);
  assert.ok(threw.kind === "threw" && /stale/.test(String(threw.error)));
});

over("a constraint that bites at COMMIT is thrown, with nothing written", async (bench) => {
  const { pool, store } = bench;
  await pool.query(
    "ALTER TABLE orders ADD COLUMN of text REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED",
  );
  const { record } = await claimed(store, claimOf("k"));
  const answer = await store.transact(record, async (tx) => {
    await tx.query("INSERT INTO orders VALUES ('a', 'absent')");
    return { write: settleWrite(), value: 1 };
  });
  const threw = answered(answer);
  assert.ok(threw.kind === "threw");
  assert.equal((threw.error as { code?: string }).code, "23503");
  assert.equal((await recordOf(store, record.id)).state, "running");
});

over("a message key that is taken refuses the write that stages it again", async ({ store }) => {
  const settlement = { ...settlementOf(), messages: [messageOf("same")] };
  const write = settleWrite(settlement);
  const kinds: string[] = [];
  for (const key of ["one", "two"]) {
    const { record } = await claimed(store, claimOf(key));
    kinds.push((await store.transact(record, () => ({ write, value: 1 }))).kind);
  }
  assert.deepEqual(kinds, ["ok", "not-applied"]);
});
