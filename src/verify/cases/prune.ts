import assert from "node:assert/strict";
import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type { OperationStore, PruneAnswer } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertSame,
  claimed,
  claimOf,
  recordOf,
  settlementOf,
} from "./sample.ts";

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Guarantees 19 and 20: what may be forgotten, and which keys are too old to begin. */
export const pruneCases: readonly StoreCase[] = [
  {
    guarantee: 19,
    name: "the response and the request of an old final operation go, the tombstone stays",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const before = await finalOf(store, "old", { reference: "order_1" });
      const running = (await claimed(store, claimOf("running"))).record;
      const waiting = (await claimed(store, claimOf("waiting"))).record;
      const later = { state: "waiting", dueInMs: 0, countAttempt: true } as const;
      answered(await store.suspend(waiting, later));
      await bench.advance(WEEK_MS + DAY_MS);
      const young = await finalOf(store, "young");
      assert.deepEqual(await prune(bench), { kind: "pruned", responses: 1, tombstones: 0 });
      const stone = await recordOf(store, before.id);
      assert.equal(stone.state, "succeeded");
      assert.equal(stone.request, undefined);
      assert.equal(stone.outcome?.response, undefined);
      assert.equal(stone.outcome?.missing, "pruned");
      assert.equal(stone.outcome?.reference, "order_1");
      assert.equal(stone.outcome?.status, 201);
      assertBytes(stone.fingerprint, before.fingerprint);
      assert.equal(stone.finalAt, before.finalAt);
      assertSame(await recordOf(store, young.id), young);
      for (const { id } of [running, waiting])
        assert.ok((await recordOf(store, id)).request, "what is not final keeps its input");
      assert.equal(answered(await store.claim(claimOf("old"))).kind, "found");
      assert.deepEqual(await prune(bench), { kind: "pruned", responses: 0, tombstones: 0 });
    },
  },
  {
    guarantee: 19,
    name: "nothing is pruned while the clocks disagree, in either direction (H7)",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const old = await finalOf(store, "old");
      await bench.advance(365 * DAY_MS);
      for (const offMs of [-365 * DAY_MS, -CLOCK_MARGIN_MS - 60_000, CLOCK_MARGIN_MS + 60_000]) {
        const answer = await prune(bench, { tombstoneMs: WEEK_MS, offMs });
        assert.ok(answer.kind === "clocks-disagree");
        assert.ok(Math.abs(answer.now - (await nowOf(store, old.id))) < 60_000);
      }
      assertSame(await recordOf(store, old.id), old);
      const within = await prune(bench, { offMs: CLOCK_MARGIN_MS - 60_000 });
      assert.equal(within.kind, "pruned");
    },
  },
  {
    guarantee: 19,
    name: "a tombstone goes only where the caller names an age for it (H7)",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const old = await finalOf(store, "old");
      const running = (await claimed(store, claimOf("running"))).record;
      await bench.advance(10 * WEEK_MS);
      assert.equal((await prune(bench)).kind, "pruned");
      const young = await finalOf(store, "young");
      await bench.advance(WEEK_MS + DAY_MS);
      assert.equal((await prune(bench)).kind, "pruned");
      await recordOf(store, old.id);
      const answer = await prune(bench, { tombstoneMs: 5 * WEEK_MS });
      assert.ok(answer.kind === "pruned" && answer.tombstones === 1);
      assert.equal(answered(await store.read(old.id)), undefined);
      await recordOf(store, young.id);
      await recordOf(store, running.id);
    },
  },
  {
    guarantee: 19,
    name: "no tombstone goes before its response, and a tombstone is in no scope's list",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const old = await finalOf(store, "old");
      await bench.advance(DAY_MS);
      const nothing = { kind: "pruned", responses: 0, tombstones: 0 };
      assert.deepEqual(await prune(bench, { tombstoneMs: 0 }), nothing);
      const filter = { scope: "acct_1", state: "succeeded", limit: 10 } as const;
      const ids = async (): Promise<string[]> =>
        answered(await store.list(filter)).map(({ record }) => record.id);
      assert.deepEqual(await ids(), [old.id]);
      await bench.advance(WEEK_MS);
      assert.deepEqual(await prune(bench), { ...nothing, responses: 1 });
      assert.deepEqual(await ids(), []);
      await recordOf(store, old.id);
    },
  },
  {
    guarantee: 19,
    name: "a prune takes no more than its limit, and the next ones take the rest",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      for (const key of ["a", "b", "c", "d", "e"]) await finalOf(store, key);
      await bench.advance(WEEK_MS + DAY_MS);
      const counts: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const answer = await prune(bench, { limit: 2 });
        counts.push(answer.kind === "pruned" ? answer.responses : -1);
      }
      assert.deepEqual(counts, [2, 2, 1]);
    },
  },
  {
    guarantee: 19,
    name: "a response that was too large stays told as too large",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      answered(await store.settle(record, { ...settlementOf(), keepResponse: false }));
      await bench.advance(WEEK_MS + DAY_MS);
      assert.equal((await prune(bench)).kind, "pruned");
      const stone = await recordOf(store, record.id);
      assert.equal(stone.request, undefined);
      assert.equal(stone.outcome?.missing, "too-large");
    },
  },
  {
    guarantee: 20,
    name: "an unknown key outside of the horizon is refused, a known one never (H7)",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { now } = await claimed(store, claimOf("clock"));
      const bounds = { pastMs: DAY_MS, futureMs: 60_000 };
      const claimAt = async (key: string, keyTime: number): Promise<string> =>
        answered(await store.claim(claimOf(key, { horizon: { ...bounds, keyTime } }))).kind;
      assert.equal(await claimAt("past", now - DAY_MS - 60_000), "key-too-old");
      assert.equal(await claimAt("future", now + 120_000), "key-too-old");
      assert.equal(answered(await store.read(claimOf("past").id)), undefined);
      assert.equal(await claimAt("known", now), "claimed");
      assert.equal(await claimAt("edge", now - DAY_MS + 60_000), "claimed");
      await bench.advance(2 * DAY_MS);
      assert.equal(await claimAt("known", now), "found");
      assert.equal(await claimAt("late", now), "key-too-old");
    },
  },
  {
    guarantee: 20,
    name: "an atomic operation keeps to the horizon too, before its callback runs (H7)",
    needs: ["skew"],
    async run({ store }) {
      const { now } = await claimed(store, claimOf("clock"));
      const horizon = { keyTime: now - 2 * DAY_MS, pastMs: DAY_MS, futureMs: 60_000 };
      const request = claimOf("k", { form: "atomic", horizon });
      let ran = 0;
      const answer = await store.atomic(request, () => {
        ran += 1;
        return { settlement: settlementOf(), value: 1 };
      });
      assert.equal(answered(answer).kind, "key-too-old");
      assert.equal(ran, 0);
      assert.equal(answered(await store.read(request.id)), undefined);
    },
  },
];

async function finalOf(store: OperationStore, key: string, change: { reference?: string } = {}) {
  const { record } = await claimed(store, claimOf(key));
  assert.equal(answered(await store.settle(record, settlementOf(change))), "done");
  return recordOf(store, record.id);
}

/** Prunes with a wall clock that agrees with the database's, but for `offMs`. */
async function prune(
  bench: StoreBench,
  change: { tombstoneMs?: number; limit?: number; offMs?: number } = {},
): Promise<PruneAnswer> {
  const { offMs = 0, ...rest } = change;
  const probe = claimOf("probe of the clock");
  await bench.store.claim(probe);
  const wall = (await nowOf(bench.store, probe.id)) + offMs;
  return answered(await bench.store.prune({ responseMs: WEEK_MS, limit: 100, wall, ...rest }));
}

async function nowOf(store: OperationStore, id: string): Promise<number> {
  return answered(await store.read(id))?.now ?? Number.NaN;
}
