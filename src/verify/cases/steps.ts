import assert from "node:assert/strict";
import type { StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertSame,
  bytes,
  claimed,
  claimOf,
  inserting,
  keylessSendOf,
  recordOf,
  recordWrite,
  sendOf,
  settlementOf,
  settleWrite,
  takenOver,
} from "./sample.ts";

const CHARGE = sendOf("charge");
const CHARGED = { kind: "succeeded", value: bytes('{"id":"ch_1"}') } as const;
const DECLINED = { kind: "declined", value: bytes('{"code":"card_declined"}') } as const;

/** Guarantees 11 to 13: what is known of effects outlives the run, and forbids a wrong end. */
export const stepCases: readonly StoreCase[] = [
  {
    guarantee: 11,
    name: "the next owner sees a step that was begun and never recorded",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record, now } = await claimed(store, claimOf("k"));
      assert.equal(answered(await store.begin(record, CHARGE)), "done");
      const mail = keylessSendOf("mail");
      assert.equal(answered(await store.begin(record, mail)), "done");
      const { steps } = (await takenOver(bench, record)).record;
      assert.deepEqual(steps.map((step) => step.name).sort(), ["charge", "mail"]);
      const [charge, keyless] = ["charge", "mail"].map((name) =>
        steps.find((step) => step.name === name),
      );
      assert.equal(charge?.kind, "external");
      assert.equal(charge?.inputDigest, CHARGE.inputDigest);
      assert.equal(charge?.effect?.providerKey, CHARGE.providerKey);
      assert.equal(charge?.fence, 1);
      assert.ok((charge?.begunAt ?? 0) >= now);
      assert.equal(charge?.result, undefined);
      assert.equal(keyless?.effect?.providerKey, undefined);
    },
  },
  {
    guarantee: 11,
    name: "the next owner records the result of a step that an older one began",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: old } = await claimed(store, claimOf("k"));
      answered(await store.begin(old, CHARGE));
      const { record } = await takenOver(bench, old);
      assert.equal(answered(await store.record(record, "charge", CHARGED)), "done");
      const [step] = (await recordOf(store, old.id)).steps;
      assert.equal(step?.result?.kind, "succeeded");
      assertBytes(step?.result?.value, CHARGED.value);
      assert.ok((step?.recordedAt ?? 0) >= (step?.begunAt ?? Number.POSITIVE_INFINITY));
    },
  },
  {
    guarantee: 11,
    name: "a second begin keeps the provider key that may have been sent",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: old } = await claimed(store, claimOf("k"));
      answered(await store.begin(old, CHARGE));
      const { record } = await takenOver(bench, old);
      await store.begin(record, { ...CHARGE, providerKey: "another-key" });
      const { steps } = await recordOf(store, old.id);
      assert.equal(steps.length, 1);
      assert.equal(steps[0]?.effect?.providerKey, CHARGE.providerKey);
      assert.equal(steps[0]?.begunAt, record.steps[0]?.begunAt);
    },
  },
  {
    guarantee: 12,
    name: "a recorded external step keeps its first result",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, CHARGE));
      assert.equal(answered(await store.record(record, "charge", CHARGED)), "done");
      const before = await recordOf(store, record.id);
      for (const result of [DECLINED, CHARGED]) {
        const again = await store.record(record, "charge", result);
        assert.ok(again.kind !== "ok" || again.value !== "done", "a second record is refused");
      }
      // A caller that is told "done" would send once more.
      const mark = await store.begin(record, { ...CHARGE, providerKey: "another-key" });
      assert.ok(mark.kind !== "ok" || mark.value !== "done", "a second begin is refused");
      assertSame(await recordOf(store, record.id), before);
    },
  },
  {
    guarantee: 12,
    name: "a step that was never begun cannot be recorded",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      const answer = await store.record(record, "charge", CHARGED);
      assert.ok(answer.kind !== "ok" || answer.value !== "done");
      assert.deepEqual((await recordOf(store, record.id)).steps, []);
    },
  },
  {
    guarantee: 12,
    name: "an atomic step is recorded once, and the second one's rows roll back",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const once = inserting(bench, "row-1", { write: recordWrite("reserve"), value: "first" });
      const first = answered(await store.transact(record, once));
      assert.deepEqual(first, { kind: "committed", value: "first" });
      const before = await recordOf(store, record.id);
      assert.equal(before.state, "running");
      assert.equal(before.steps[0]?.kind, "atomic");
      assert.equal(before.steps[0]?.result?.kind, "succeeded");
      const twice = inserting(bench, "row-2", { write: recordWrite("reserve"), value: "second" });
      const second = await store.transact(record, twice);
      assert.ok(second.kind !== "ok" || second.value.kind !== "committed");
      assertSame(await recordOf(store, record.id), before);
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 12,
    name: "the name of an atomic step is none of an external one",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const work = inserting(bench, "row", { write: recordWrite("charge"), value: 1 });
      assert.equal(answered(await store.transact(record, work)).kind, "committed");
      const before = await recordOf(store, record.id);
      assert.equal(answered(await store.begin(record, CHARGE)), "stale");
      for (const end of [CHARGED, DECLINED, { kind: "not-executed" }] as const)
        assert.equal(answered(await store.record(record, "charge", end)), "stale");
      assertSame(await recordOf(store, record.id), before);
    },
  },
  {
    guarantee: 13,
    name: "no outcome while a step is begun without result (H3)",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, CHARGE));
      for (const kind of ["succeeded", "failed"] as const) {
        const settlement = settlementOf({ kind });
        assert.equal(answered(await store.settle(record, settlement)), "step-unfinished");
        const work = inserting(bench, "row", { write: settleWrite(settlement), value: 1 });
        assert.deepEqual(answered(await store.transact(record, work)), {
          kind: "refused",
          reason: "step-unfinished",
        });
      }
      assert.equal(await bench.userRows.count(), 0);
      assert.equal((await recordOf(store, record.id)).state, "running");
      answered(await store.record(record, "charge", CHARGED));
      assert.equal(answered(await store.settle(record, settlementOf())), "done");
    },
  },
  {
    guarantee: 13,
    name: "no failed outcome while an external step stands succeeded (H3)",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, CHARGE));
      answered(await store.record(record, "charge", CHARGED));
      const failed = settlementOf({ kind: "failed", status: 402 });
      assert.equal(answered(await store.settle(record, failed)), "effect-uncompensated");
      const work = inserting(bench, "row", { write: settleWrite(failed), value: 1 });
      assert.deepEqual(answered(await store.transact(record, work)), {
        kind: "refused",
        reason: "effect-uncompensated",
      });
      assert.equal(await bench.userRows.count(), 0);
      assert.equal((await recordOf(store, record.id)).state, "running");
    },
  },
  {
    guarantee: 13,
    name: "a declined effect leaves nothing standing, so the operation may fail",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, CHARGE));
      answered(await store.record(record, "charge", DECLINED));
      const failed = settlementOf({ kind: "failed", status: 402 });
      assert.equal(answered(await store.settle(record, failed)), "done");
      assert.equal((await recordOf(store, record.id)).state, "failed");
    },
  },
];
