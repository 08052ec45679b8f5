import assert from "node:assert/strict";
import type { Answer, AtomicAnswer, ClaimRequest, PlannedWork } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertSame,
  claimed,
  claimOf,
  crowd,
  inserting,
  messageOf,
  recordOf,
  settlementOf,
} from "./sample.ts";

const FAILED = settlementOf({ kind: "failed", status: 402 });

/** Guarantee 52: writes that are known beforehand, and travel with their claim. */
export const planCases: readonly StoreCase[] = [
  {
    guarantee: 52,
    name: "planned statements, the claim, the outcome and the messages commit together",
    needs: ["statements"],
    async run(bench) {
      const messages = [messageOf("2"), messageOf("1")];
      const settlement = { ...settlementOf({ reference: "order_1" }), messages };
      const answer = answered(
        await carryOut(bench, planFor("k"), { statements: rows(bench, "a", "b"), settlement }),
      );
      assert.equal(answer.kind, "committed");
      assert.equal(await bench.userRows.count(), 2);
      const { id } = planFor("k");
      const final = await recordOf(bench.store, id);
      assert.equal(final.state, "succeeded");
      assert.equal(final.fence, 1);
      assert.equal(final.outcome?.reference, "order_1");
      assertBytes(final.outcome?.response?.body, settlement.outcome.body);
      assertBytes(final.request?.input, planFor("k").input);
      if (answer.kind === "committed") assertSame(answer.snapshot.record, final);
      const staged = answered(await bench.store.messages(id));
      assert.deepEqual(
        staged.map(({ key }) => key),
        ["2", "1"],
      );
    },
  },
  {
    guarantee: 52,
    name: "a planned outcome that failed leaves no statement and no message",
    needs: ["statements"],
    async run(bench) {
      const settlement = { ...FAILED, messages: [messageOf("m")] };
      const planned = { statements: rows(bench, "a"), settlement };
      assert.equal(answered(await carryOut(bench, planFor("k"), planned)).kind, "committed");
      assert.equal(await bench.userRows.count(), 0);
      assert.equal((await recordOf(bench.store, planFor("k").id)).outcome?.status, 402);
      assert.deepEqual(answered(await bench.store.messages(planFor("k").id)), []);
    },
  },
  {
    guarantee: 10,
    name: "a body above the limit is not kept, whether a plan or a transaction ended with it",
    needs: ["statements"],
    async run(bench) {
      const settlement = { ...settlementOf({ reference: "order_1" }), keepResponse: false };
      const planned = { statements: rows(bench, "a"), settlement };
      const work = inserting(bench, "b", { settlement, value: undefined });
      for (const [key, given] of [
        ["planned", await carryOut(bench, planFor("planned"), planned)],
        ["atomic", await bench.store.atomic(planFor("atomic"), work)],
      ] as const) {
        const answer = answered(given);
        assert.ok(answer.kind === "committed");
        const final = await recordOf(bench.store, planFor(key).id);
        assertSame(answer.snapshot.record, final);
        const { kind, status, reference } = settlement.outcome;
        assert.deepEqual(final.outcome, { kind, status, reference, missing: "too-large" });
      }
    },
  },
  {
    guarantee: 52,
    name: "a planned statement that fails leaves nothing, and the key is free",
    needs: ["statements"],
    async run(bench) {
      const settlement = { ...settlementOf(), messages: [messageOf("m")] };
      const twice = { statements: rows(bench, "a", "a"), settlement };
      const answer = answered(await carryOut(bench, planFor("k"), twice));
      assert.equal(answer.kind, "threw");
      assert.equal(await bench.userRows.count(), 0);
      assert.equal(answered(await bench.store.read(planFor("k").id)), undefined);
      const once = { statements: rows(bench, "a"), settlement };
      assert.equal(answered(await carryOut(bench, planFor("k"), once)).kind, "committed");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 52,
    name: "a plan meets what is there: an operation that runs, and one that is final",
    needs: ["statements"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      const planned = { statements: rows(bench, "a"), settlement: settlementOf() };
      const met = answered(await carryOut(bench, planFor("k"), planned));
      assert.equal(met.kind, "found");
      assert.equal((await recordOf(bench.store, record.id)).state, "running");
      assert.equal(answered(await carryOut(bench, planFor("l"), planned)).kind, "committed");
      const other = { statements: rows(bench, "b"), settlement: FAILED };
      const again = answered(await carryOut(bench, planFor("l"), other));
      assert.equal(again.kind, "found");
      if (again.kind === "found") assert.equal(again.snapshot.record.state, "succeeded");
      assert.equal(answered(await bench.store.claim(claimOf("l"))).kind, "found");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 52,
    name: "a plan with a horizon is refused for an unknown key outside of it",
    needs: ["statements"],
    async run(bench) {
      const horizon = { keyTime: 0, pastMs: 1_000, futureMs: 1_000 };
      const planned = { statements: rows(bench, "a"), settlement: settlementOf() };
      const late = await carryOut(bench, planFor("k", { horizon }), planned);
      assert.equal(answered(late).kind, "key-too-old");
      assert.equal(await bench.userRows.count(), 0);
    },
  },
  {
    guarantee: 52,
    name: "of twenty plans of one key one commits, with its statements alone",
    needs: ["statements", "races"],
    async run(bench) {
      const kinds = await crowd(bench, 20, async (store, index) => {
        const planned = { statements: rows(bench, `row-${index}`), settlement: settlementOf() };
        return answered(await carryOut({ ...bench, store }, planFor("k"), planned)).kind;
      });
      assert.equal(kinds.filter((kind) => kind === "committed").length, 1);
      assert.ok(kinds.every((kind) => ["committed", "found", "busy"].includes(kind)));
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 52,
    name: "of plans that leave together those that fail fail alone",
    needs: ["statements", "races"],
    async run(bench) {
      const kinds = await crowd(bench, 40, async (store, index) => {
        // Each fourth one writes the row of its neighbour too.
        const own = rows(bench, `row-${index}`);
        const statements = index % 4 === 3 ? [...own, ...rows(bench, `row-${index - 1}`)] : own;
        const planned = { statements, settlement: settlementOf() };
        return answered(await carryOut({ ...bench, store }, planFor(`k-${index}`), planned)).kind;
      });
      const committed = kinds.filter((kind) => kind === "committed").length;
      const threw = kinds.filter((kind) => kind === "threw").length;
      assert.deepEqual([committed, threw], [30, 10]);
      const doubled = kinds.filter((kind, index) => index % 4 === 3 && kind === "committed").length;
      assert.equal(await bench.userRows.count(), committed + doubled);
    },
  },
  {
    guarantee: 52,
    name: "hostile text in a planned statement's values is data and never code",
    needs: ["statements"],
    async run(bench) {
      const hostile = ["'; DROP TABLE x; --", "\\'", "$1 $$ ?", "é🦊\u2028", "", " "];
      const planned = { statements: rows(bench, ...hostile), settlement: settlementOf() };
      assert.equal(answered(await carryOut(bench, planFor("k"), planned)).kind, "committed");
      assert.equal(await bench.userRows.count(), hostile.length);
      // What was stored is what was given, so that none of them fits in again.
      for (const [index, text] of hostile.entries()) {
        const again = { statements: rows(bench, text), settlement: settlementOf() };
        const answer = answered(await carryOut(bench, planFor(`again-${index}`), again));
        assert.equal(answer.kind, "threw");
      }
    },
  },
];

const planFor = (key: string, change: Partial<ClaimRequest> = {}): ClaimRequest =>
  claimOf(key, { form: "atomic", ...change });

function rows({ userRows }: StoreBench, ...ids: readonly string[]): PlannedWork["statements"] {
  assert.ok(userRows.statement);
  return ids.map(userRows.statement);
}

function carryOut(
  { store }: Pick<StoreBench, "store">,
  request: ClaimRequest,
  planned: PlannedWork,
): Promise<Answer<AtomicAnswer<undefined>>> {
  assert.ok(store.carryOut);
  return store.carryOut(request, planned);
}
