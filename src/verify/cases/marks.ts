import assert from "node:assert/strict";
import type { StoreCase } from "../bench.ts";
import { databaseNow } from "./inbox-sample.ts";
import {
  answered,
  bytes,
  claimed,
  claimOf,
  keylessSendOf,
  sendOf,
  settlementOf,
  takenOver,
} from "./sample.ts";

const INTENT = { provider: "stripe", kind: "payment_intent" };
const VALUE = bytes('{"id":"pi_1"}');
const YEAR_MS = 365 * 86_400_000;

/** Guarantee 32: what an effect is known by at its provider leads to its step. */
export const markCases: readonly StoreCase[] = [
  {
    guarantee: 32,
    name: "a step is found by its provider key as soon as its send is committed",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      const mark = { providerKey: "nt_charge" };
      assert.equal(answered(await store.stepOf(mark)), undefined);
      answered(await store.begin(record, sendOf("charge", mark)));
      answered(await store.begin(record, sendOf("refund", { providerKey: "nt_refund" })));
      assert.deepEqual(answered(await store.stepOf(mark)), { id: record.id, step: "charge" });
      const other = answered(await store.stepOf({ providerKey: "nt_refund" }));
      assert.deepEqual(other, { id: record.id, step: "refund" });
      assert.equal(answered(await store.stepOf({ providerKey: "nt_charg" })), undefined);
      assert.equal(answered(await store.stepOf({ providerKey: "NT_CHARGE" })), undefined);
    },
  },
  {
    guarantee: 32,
    name: "a step that was begun anew is found by every key that it was sent with",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, sendOf("charge", { providerKey: "first" })));
      const disproved = { kind: "not-executed", proven: true } as const;
      answered(await store.record(record, "charge", disproved));
      const anew = sendOf("charge", { providerKey: "second", generation: 1 });
      assert.equal(answered(await store.begin(record, anew)), "done");
      // The proof may have been wrong: then the event of the first send says so.
      for (const providerKey of ["first", "second"])
        assert.deepEqual(answered(await store.stepOf({ providerKey })), {
          id: record.id,
          step: "charge",
        });
    },
  },
  {
    guarantee: 32,
    name: "what was refused, and a key that its step did not take, leads to no step",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: old } = await claimed(store, claimOf("k"));
      answered(await store.begin(old, sendOf("charge", { providerKey: "first" })));
      answered(await store.begin(old, sendOf("charge", { providerKey: "resent" })));
      answered(await store.begin(old, { ...keylessSendOf("mail"), mark: "first mark" }));
      answered(await store.begin(old, { ...keylessSendOf("mail"), mark: "resent mark" }));
      const end = { kind: "succeeded", value: VALUE } as const;
      assert.equal(answered(await store.record(old, "charge", end)), "done");
      const again = sendOf("charge", { providerKey: "recorded" });
      assert.equal(answered(await store.begin(old, again)), "stale");
      answered(await store.begin(old, sendOf("tip", { target: INTENT })));
      await takenOver(bench, old);
      const late = sendOf("refund", { providerKey: "late" });
      assert.equal(answered(await store.begin(old, late)), "stale");
      const named = { ...end, reference: "pi_late" };
      assert.equal(answered(await store.record(old, "tip", named)), "stale");
      assert.equal(answered(await store.record(old, "another", named)), "stale");
      const adopted = answered(await store.stepOf({ ...INTENT, reference: "pi_late" }));
      assert.equal(adopted, undefined);
      for (const providerKey of ["resent", "resent mark", "recorded", "late"])
        assert.equal(answered(await store.stepOf({ providerKey })), undefined, providerKey);
      const found = answered(await store.stepOf({ providerKey: "first mark" }));
      assert.deepEqual(found, { id: old.id, step: "mail" });
    },
  },
  {
    guarantee: 32,
    name: "with a tombstone its keys and references go, and those of others stay",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const reference = (key: string) => ({ ...INTENT, reference: key });
      const charged = async (key: string, given = key): Promise<string> => {
        const { record } = await claimed(store, claimOf(key));
        const send = sendOf("charge", { target: INTENT, providerKey: key });
        answered(await store.begin(record, send));
        const end = { kind: "succeeded", value: VALUE, reference: given } as const;
        assert.equal(answered(await store.record(record, "charge", end)), "done");
        assert.equal(answered(await store.settle(record, settlementOf())), "done");
        return record.id;
      };
      await charged("old");
      await bench.advance(YEAR_MS);
      const young = await charged("young");
      const ages = { responseMs: YEAR_MS / 2, tombstoneMs: YEAR_MS / 2, limit: 10 };
      for (const round of [1, 2]) {
        const wall = await databaseNow(store);
        const answer = answered(await store.prune({ ...ages, wall }));
        assert.equal(answer.kind, "pruned", `round ${round}`);
      }
      assert.equal(answered(await store.read(claimOf("old").id)), undefined);
      for (const mark of [{ providerKey: "old" }, reference("old")])
        assert.equal(answered(await store.stepOf(mark)), undefined);
      for (const mark of [{ providerKey: "young" }, reference("young")])
        assert.deepEqual(answered(await store.stepOf(mark)), { id: young, step: "charge" });
      const heir = await charged("heir", "old");
      assert.deepEqual(answered(await store.stepOf(reference("old"))), {
        id: heir,
        step: "charge",
      });
    },
  },
  {
    guarantee: 32,
    name: "a step without a key is found by the mark that its sends carry",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      const found = { id: record.id, step: "charge" };
      answered(await store.begin(record, { ...keylessSendOf("charge"), mark: "first" }));
      answered(await store.begin(record, { ...keylessSendOf("charge"), mark: "first" }));
      assert.deepEqual(answered(await store.stepOf({ providerKey: "first" })), found);
      const disproved = { kind: "not-executed", proven: true } as const;
      answered(await store.record(record, "charge", disproved));
      const anew = { ...keylessSendOf("charge"), mark: "second", generation: 1 };
      assert.equal(answered(await store.begin(record, anew)), "done");
      for (const providerKey of ["first", "second"])
        assert.deepEqual(answered(await store.stepOf({ providerKey })), found);
      const read = answered(await store.read(record.id))?.record;
      assert.equal(read?.steps[0]?.effect?.providerKey, undefined, "a mark is no key");
    },
  },
  {
    guarantee: 32,
    name: "a step is found by the reference that it adopted, of that provider and kind",
    async run({ store }) {
      const { record: one } = await claimed(store, claimOf("one"));
      const { record: two } = await claimed(store, claimOf("two"));
      const end = { kind: "succeeded", value: VALUE, reference: "pi_1" } as const;
      const mark = { ...INTENT, reference: "pi_1" };
      for (const record of [one, two]) {
        const send = sendOf("charge", { target: INTENT, providerKey: `key-${record.id}` });
        answered(await store.begin(record, send));
      }
      assert.equal(answered(await store.stepOf(mark)), undefined);
      assert.equal(answered(await store.record(one, "charge", end)), "done");
      assert.equal(answered(await store.record(two, "charge", end)), "reference-taken");
      assert.deepEqual(answered(await store.stepOf(mark)), { id: one.id, step: "charge" });
      for (const change of [{ provider: "adyen" }, { kind: "refund" }, { reference: "pi_2" }])
        assert.equal(answered(await store.stepOf({ ...mark, ...change })), undefined);
    },
  },
  {
    guarantee: 32,
    name: "a reference that a person names leads to the step as well",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, sendOf("charge", { target: INTENT })));
      const parked = { state: "in_doubt", dueInMs: undefined, countAttempt: true } as const;
      answered(await store.suspend(record, { ...parked, doubt: "effect-unknown" }));
      const evidence = { step: "charge", source: "person", finding: "executed" } as const;
      const settled = { kind: "executed", reference: "pi_9" } as const;
      assert.equal(answered(await store.reopen(record.id, { evidence, settled })), "reopened");
      const found = answered(await store.stepOf({ ...INTENT, reference: "pi_9" }));
      assert.deepEqual(found, { id: record.id, step: "charge" });
    },
  },
];
