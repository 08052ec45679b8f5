import assert from "node:assert/strict";
import { nextGeneration, VERDICTS } from "../../model/step.ts";
import type { StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertSame,
  bytes,
  claimed,
  claimOf,
  crowd,
  recordOf,
  sendOf,
  settlementOf,
  stepOf,
  takenOver,
} from "./sample.ts";

const TARGET = { provider: "stripe", kind: "payment_intent", account: "acct_9", region: "eu" };
const CHARGE = sendOf("charge", { target: TARGET, lookUp: true, keptForMs: 86_400_000 });
const REFUSED = { kind: "not-executed", detail: "refused before the first byte" } as const;
const CHARGED = { kind: "succeeded", value: bytes('{"id":"ch_1"}') } as const;

/** Guarantees 25 and 26: what was sent, and when it may be sent anew. */
export const sendCases: readonly StoreCase[] = [
  {
    guarantee: 25,
    name: "every begin adds a send, which the next owner sees, and the first one's values stay",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: old, now } = await claimed(store, claimOf("k"));
      assert.equal(answered(await store.begin(old, CHARGE)), "done");
      const lost = { kind: "unanswered", detail: "read timeout" } as const;
      assert.equal(answered(await store.record(old, "charge", lost)), "done");
      assert.equal(answered(await store.begin(old, CHARGE)), "done");
      const { record } = await takenOver(bench, old);
      const other = { ...TARGET, provider: "another" };
      const change = sendOf("charge", { target: other, generation: 7, request: bytes("other") });
      assert.equal(answered(await store.begin(record, change)), "done");

      const { effect, begunAt, result } = await stepOf(store, record.id, "charge");
      const sends = effect?.sends ?? [];
      assert.equal(result, undefined);
      assert.deepEqual(
        sends.map(({ number, fence, verdict, detail }) => [number, fence, verdict, detail]),
        [
          [1, 1, "unanswered", "read timeout"],
          [2, 1, undefined, undefined],
          [3, 2, undefined, undefined],
        ],
      );
      assert.equal(sends[0]?.sentAt, begunAt);
      assert.ok(begunAt >= now && (sends[2]?.sentAt ?? 0) > begunAt);
      assert.deepEqual(effect?.target, TARGET);
      assert.equal(effect?.generation, 0);
      assert.equal(effect?.providerKey, CHARGE.providerKey);
      assert.equal(effect?.replayUntil, begunAt + 86_400_000);
      assert.equal(effect?.lookUp, true);
      assert.equal(effect?.compensated, false);
      assertBytes(effect?.request, CHARGE.request);
    },
  },
  {
    guarantee: 25,
    name: "every verdict is told with its send, and a later one never changes it",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      for (const verdict of VERDICTS) {
        const end = verdict === "definite" ? CHARGED : { kind: verdict };
        assert.equal(answered(await store.begin(record, sendOf(verdict))), "done");
        const ended = { ...end, detail: `why ${verdict}` };
        assert.equal(answered(await store.record(record, verdict, ended)), "done");
        const step = await stepOf(store, record.id, verdict);
        const [send, ...more] = step.effect?.sends ?? [];
        assert.deepEqual(more, []);
        assert.equal(send?.verdict, verdict);
        assert.equal(send?.detail, `why ${verdict}`);
        await store.record(record, verdict, { kind: "failed", detail: "later" });
        await store.record(record, verdict, { kind: "not-executed", detail: "later" });
        assertSame(await stepOf(store, record.id, verdict), step);
      }
      const { result, recordedAt } = await stepOf(store, record.id, "frozen");
      assert.equal(result, undefined);
      assert.equal(recordedAt, undefined);
      assert.equal(answered(await store.settle(record, settlementOf())), "step-unfinished");
    },
  },
  {
    guarantee: 25,
    name: "a lost answer that is found out ends the step and leaves its sends as they were",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, CHARGE));
      answered(await store.record(record, "charge", { kind: "unanswered" }));
      assert.equal(answered(await store.record(record, "charge", CHARGED)), "done");
      const { effect, result } = await stepOf(store, record.id, "charge");
      assert.equal(result?.kind, "succeeded");
      assert.equal(effect?.sends[0]?.verdict, "unanswered");
      assert.equal(effect?.sends[0]?.detail, undefined);
    },
  },
  {
    guarantee: 25,
    name: "sends that leave at the same time have numbers of their own",
    needs: ["races"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      const answers = await crowd(bench, 10, (store) => store.begin(record, CHARGE));
      assert.deepEqual(new Set(answers.map((answer) => answered(answer))), new Set(["done"]));
      const { effect } = await stepOf(bench.store, record.id, "charge");
      assert.deepEqual(
        effect?.sends.map(({ number }) => number),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
    },
  },
  {
    guarantee: 26,
    name: "a step whose every send proved that nothing happened may be begun anew",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: old } = await claimed(store, claimOf("k"));
      answered(await store.begin(old, CHARGE));
      assert.equal(answered(await store.record(old, "charge", REFUSED)), "done");
      const ended = await stepOf(store, old.id, "charge");
      assert.equal(ended.result?.kind, "not-executed");
      assertBytes(ended.result?.value, bytes(""));
      assert.ok((ended.recordedAt ?? 0) >= ended.begunAt);
      const { record } = await takenOver(bench, old);
      const change = { generation: 1, providerKey: "another-key", request: bytes("2") };
      const anew = sendOf("charge", { ...change, target: { provider: "adyen", kind: "payment" } });
      assert.equal(answered(await store.begin(record, anew)), "done");
      const { effect, begunAt, fence, result, recordedAt } = await stepOf(store, old.id, "charge");
      assert.equal(result, undefined);
      assert.equal(recordedAt, undefined);
      assert.ok(begunAt > ended.begunAt);
      assert.equal(fence, 2);
      assert.equal(effect?.generation, 1);
      assert.equal(effect?.providerKey, "another-key");
      assert.deepEqual(effect?.target, anew.target);
      assert.equal(effect?.lookUp, false);
      assert.equal(effect?.replayUntil, undefined);
      assertBytes(effect?.request, bytes("2"));
      assert.deepEqual(
        effect?.sends.map(({ number, verdict }) => [number, verdict]),
        [
          [1, "not-executed"],
          [2, undefined],
        ],
      );
      assert.equal(answered(await store.settle(record, settlementOf())), "step-unfinished");
      assert.equal(answered(await store.record(record, "charge", CHARGED)), "done");
      assert.equal(answered(await store.settle(record, settlementOf())), "done");
    },
  },
  {
    guarantee: 26,
    name: "a later refusal never lowers an earlier doubt (H3)",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      for (const [index, doubt] of (
        ["unanswered", "failed", "frozen", undefined] as const
      ).entries()) {
        const { record: old } = await claimed(store, claimOf(`k-${index}`));
        answered(await store.begin(old, CHARGE));
        if (doubt !== undefined) answered(await store.record(old, "charge", { kind: doubt }));
        const { record } = await takenOver(bench, old);
        answered(await store.begin(record, CHARGE));
        assert.equal(answered(await store.record(record, "charge", REFUSED)), "done");
        // Told twice, the same word still says nothing of the first send.
        assert.equal(answered(await store.record(record, "charge", REFUSED)), "done");
        const { effect, result } = await stepOf(store, old.id, "charge");
        assert.equal(result, undefined);
        assert.deepEqual(
          effect?.sends.map(({ verdict }) => verdict),
          [doubt, "not-executed"],
        );
        for (const kind of ["succeeded", "failed"] as const) {
          const settled = await store.settle(record, settlementOf({ kind }));
          assert.equal(answered(settled), "step-unfinished");
        }
      }
    },
  },
  {
    guarantee: 26,
    name: "a proof from elsewhere ends the step, and its key counts as used",
    async run({ store }) {
      for (const doubt of ["frozen", undefined] as const) {
        const { record } = await claimed(store, claimOf(`k-${doubt}`));
        answered(await store.begin(record, CHARGE));
        if (doubt !== undefined) answered(await store.record(record, "charge", { kind: doubt }));
        const end = { kind: "not-executed", proven: true, detail: "cancelled" } as const;
        assert.equal(answered(await store.record(record, "charge", end)), "done");
        const step = await stepOf(store, record.id, "charge");
        assert.equal(step.result?.kind, "not-executed");
        assert.equal(nextGeneration(step), 1);
        const anew = { ...CHARGE, generation: 1, providerKey: "another-key" };
        assert.equal(answered(await store.begin(record, anew)), "done");
        assert.equal((await stepOf(store, record.id, "charge")).effect?.sends.length, 2);
      }
    },
  },
  {
    guarantee: 26,
    name: "a proof that lands after the step was begun anew disproves nothing of that",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, CHARGE));
      const proof = { kind: "not-executed", proven: true, sends: 1 } as const;
      assert.equal(answered(await store.record(record, "charge", { ...proof, sends: 2 })), "stale");
      assert.equal(answered(await store.record(record, "charge", proof)), "done");
      const anew = { ...CHARGE, generation: 1, providerKey: "another-key" };
      assert.equal(answered(await store.begin(record, anew)), "done");
      assert.equal(answered(await store.record(record, "charge", proof)), "stale");
      assert.equal((await stepOf(store, record.id, "charge")).result, undefined);
      assert.equal(answered(await store.record(record, "charge", CHARGED)), "done");
    },
  },
  {
    guarantee: 26,
    name: "what did not happen leaves nothing standing, so the operation may end either way",
    async run({ store }) {
      for (const kind of ["succeeded", "failed"] as const) {
        const { record } = await claimed(store, claimOf(kind));
        answered(await store.begin(record, CHARGE));
        answered(await store.record(record, "charge", REFUSED));
        const again = await store.record(record, "charge", CHARGED);
        assert.equal(answered(again), "stale");
        assert.equal(answered(await store.settle(record, settlementOf({ kind }))), "done");
        assert.equal((await recordOf(store, record.id)).state, kind);
      }
    },
  },
];
