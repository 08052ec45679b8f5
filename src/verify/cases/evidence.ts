import assert from "node:assert/strict";
import { EVIDENCE_SOURCES, type Evidence } from "../../model/evidence.ts";
import type { OperationStore } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import { HOSTILE } from "./hostile.ts";
import {
  answered,
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

const DAY_MS = 86_400_000;
const PROBE = "probe of the clock";
const SEEN: Evidence = { step: "charge", source: "webhook", finding: "executed" };

/** Guarantee 28, and what guarantees 19 and 24 say of steps: all that was learned is kept. */
export const evidenceCases: readonly StoreCase[] = [
  {
    guarantee: 28,
    name: "evidence is added in every state, by anyone, and read in its order",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      assert.deepEqual(answered(await store.evidence(record.id)), []);
      const findings = ["executed", "declined", "not-executed", "not-found", "unknown"] as const;
      const noted: Evidence[] = [];
      const note = async (evidence: Evidence): Promise<void> => {
        assert.equal(answered(await store.note(record.id, evidence)), "noted");
        noted.push(evidence);
      };
      for (const source of EVIDENCE_SOURCES)
        for (const finding of findings) await note({ step: "never begun", source, finding });
      await note({ ...SEEN, reference: "pi_1", detail: "payment_intent.succeeded", by: "ada" });
      const doubt = { state: "in_doubt", doubt: "effect-unknown", countAttempt: true } as const;
      answered(await store.suspend(record, { ...doubt, dueInMs: 0 }));
      await note({ ...SEEN, detail: "in doubt" });
      const { record: next } = await takenOver(bench, await recordOf(store, record.id));
      answered(await store.settle(next, settlementOf()));
      const final = await recordOf(store, record.id);
      await note({ ...SEEN, detail: "final" });
      assertSame(await recordOf(store, record.id), final);

      const known = answered(await store.evidence(record.id));
      assert.deepEqual(
        known.map(({ at, ...evidence }) => evidence),
        noted,
      );
      for (const [index, { at }] of known.entries())
        assert.ok(at >= (known[index - 1]?.at ?? record.createdAt));
      assert.ok((known.at(-1)?.at ?? 0) > (known[0]?.at ?? 0));
    },
  },
  {
    guarantee: 28,
    name: "evidence of an unknown operation is refused, and there is none",
    async run({ store }) {
      await claimed(store, claimOf("other"));
      const { id } = claimOf("unknown");
      assert.equal(answered(await store.note(id, SEEN)), "missing");
      assert.deepEqual(answered(await store.evidence(id)), []);
    },
  },
  {
    guarantee: 28,
    name: "a stale holder and fifty others note at the same time, and nothing is lost",
    needs: ["races", "skew"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      await takenOver(bench, record);
      const answers = await crowd(bench, 50, (store, index) =>
        store.note(record.id, { ...SEEN, source: "stale-holder", detail: `${index}` }),
      );
      for (const answer of answers) assert.equal(answered(answer), "noted");
      const details = answered(await bench.store.evidence(record.id)).map(({ detail }) => detail);
      assert.equal(new Set(details).size, 50);
    },
  },
  {
    guarantee: 28,
    name: "evidence outlives the request, is added to a tombstone, and goes with it",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await claimed(store, claimOf(PROBE));
      const { record } = await claimed(store, claimOf("k"));
      const target = { provider: "stripe", kind: "payment_intent" };
      answered(await store.begin(record, sendOf("charge", { target })));
      const end = { kind: "succeeded", value: bytes("1"), reference: "pi_1" } as const;
      answered(await store.record(record, "charge", end));
      answered(await store.note(record.id, SEEN));
      answered(await store.settle(record, settlementOf()));
      const before = await stepOf(store, record.id, "charge");
      await bench.advance(8 * DAY_MS);
      await prune(bench, {});
      const { request, sends, ...kept } = before.effect ?? { sends: [] };
      assert.ok(request && sends.length === 1, "there was something to prune");
      const after = await stepOf(store, record.id, "charge");
      assertSame(after, { ...before, effect: { ...kept, sends: [] } } as typeof after);
      assert.equal(answered(await store.note(record.id, { ...SEEN, detail: "late" })), "noted");
      assert.deepEqual(
        answered(await store.evidence(record.id)).map(({ detail }) => detail),
        [undefined, "late"],
      );
      await prune(bench, { tombstoneMs: 7 * DAY_MS });
      assert.equal(answered(await store.read(record.id)), undefined);
      assert.deepEqual(answered(await store.evidence(record.id)), []);
      assert.equal(answered(await store.note(record.id, SEEN)), "missing");
      // What comes next begins without the past of another.
      const { record: anew } = await claimed(store, claimOf("next"));
      assert.deepEqual(anew.steps, []);
      assert.deepEqual(answered(await store.evidence(anew.id)), []);
      answered(await store.begin(anew, sendOf("charge", { target })));
      assert.equal(answered(await store.record(anew, "charge", end)), "done");
    },
  },
  {
    guarantee: 19,
    name: "what is not final keeps its sends and its requests, however old",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.begin(record, sendOf("charge")));
      answered(await store.record(record, "charge", { kind: "unanswered", detail: "reset" }));
      const before = await stepOf(store, record.id, "charge");
      await bench.advance(400 * DAY_MS);
      await prune(bench, { tombstoneMs: DAY_MS });
      assertSame(await stepOf(store, record.id, "charge"), before);
    },
  },
  {
    guarantee: 24,
    name: "hostile targets, references, verdicts' details and evidence are data",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      for (const text of HOSTILE) {
        const target = { provider: text, kind: text, account: text, region: text };
        const send = sendOf(text, { target, compensates: text, request: bytes(text) });
        assert.equal(answered(await store.begin(record, send)), "done");
        const lost = { kind: "unanswered", detail: text } as const;
        assert.equal(answered(await store.record(record, text, lost)), "done");
        const end = { kind: "declined", value: bytes(text), reference: text } as const;
        assert.equal(answered(await store.record(record, text, end)), "done");
        const { effect } = await stepOf(store, record.id, text);
        assert.deepEqual(effect?.target, target);
        assert.equal(effect?.compensates, text);
        assert.equal(effect?.reference, text);
        assert.equal(effect?.sends[0]?.detail, text);
        assert.equal(await noteHostile(store, record.id, text), "noted");
      }
      const noted = answered(await store.evidence(record.id));
      assert.equal(noted.length, HOSTILE.length, "no reference was taken");
      for (const [index, text] of HOSTILE.entries()) {
        const { step, reference, detail, by } = noted[index] ?? {};
        assert.deepEqual([step, reference, detail, by], [text, text, text, text.slice(0, 200)]);
      }
    },
  },
  {
    guarantee: 24,
    name: "details that a database cannot hold are kept as far as they can be",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      for (const [index, text] of ["nul\0", "half \ud800", "x".repeat(100_000)].entries()) {
        const name = `step-${index}`;
        answered(await store.begin(record, sendOf(name)));
        const lost = { kind: "failed", detail: text } as const;
        assert.equal(answered(await store.record(record, name, lost)), "done");
        const evidence: Evidence = { ...SEEN, step: name, detail: text, by: text };
        assert.equal(answered(await store.note(record.id, evidence)), "noted");
        const { effect } = await stepOf(store, record.id, name);
        const noted = answered(await store.evidence(record.id)).at(-1);
        for (const kept of [effect?.sends[0]?.detail, noted?.detail, noted?.by]) {
          assert.equal(kept?.slice(0, 3), text.slice(0, 3));
          assert.ok((kept?.length ?? Number.POSITIVE_INFINITY) <= 500);
        }
      }
    },
  },
];

async function noteHostile(store: OperationStore, id: string, text: string): Promise<string> {
  const evidence = { source: "person", finding: "unknown", detail: text, by: text } as const;
  return answered(await store.note(id, { ...evidence, step: text, reference: text }));
}

async function prune(bench: StoreBench, change: { tombstoneMs?: number }): Promise<void> {
  const probe = claimOf(PROBE);
  await bench.store.claim(probe);
  const wall = answered(await bench.store.read(probe.id))?.now ?? Number.NaN;
  const request = { responseMs: 7 * DAY_MS, limit: 100, wall, ...change };
  assert.equal(answered(await bench.store.prune(request)).kind, "pruned");
}
