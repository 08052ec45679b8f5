import assert from "node:assert/strict";
import { digest } from "../../model/key.ts";
import type { StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertNear,
  bytes,
  claimed,
  claimOf,
  crowd,
  inserting,
  recordOf,
  settlementOf,
  takenOver,
  takeOverOf,
  within,
} from "./sample.ts";

/** Guarantees 1, 2, 6 and 8: who may run an operation, and what the others learn. */
export const claimCases: readonly StoreCase[] = [
  {
    guarantee: 1,
    name: "the first claim owns the operation, the second one finds it",
    async run({ store }) {
      const request = claimOf("k");
      const { record, now } = await claimed(store, request);
      assert.equal(record.state, "running");
      assert.equal(record.fence, 1);
      assert.equal(record.attempts, 1);
      assertNear(record.createdAt, now);
      assertNear(record.leaseUntil, now + request.leaseMs);
      assertNear(record.runUntil, now + request.runForMs);
      const second = answered(await store.claim({ ...request, attemptId: "another" }));
      assert.equal(second.kind, "found");
      assert.equal((await recordOf(store, request.id)).attemptId, request.attemptId);
    },
  },
  {
    guarantee: 1,
    name: "fifty claims of one id over two handles have one winner",
    needs: ["races"],
    async run(bench) {
      const answers = await crowd(bench, 50, (store, index) =>
        store.claim(claimOf("k", { attemptId: `attempt-${index}` })),
      );
      const kinds = answers.map((answer) => answered(answer).kind);
      assert.equal(kinds.filter((kind) => kind === "claimed").length, 1);
      assert.ok(kinds.every((kind) => ["claimed", "found", "busy"].includes(kind)));
      assert.equal((await recordOf(bench.store, claimOf("k").id)).fence, 1);
    },
  },
  {
    guarantee: 1,
    name: "claims of different ids at the same time all win (H14)",
    needs: ["races"],
    async run(bench) {
      const answers = await crowd(bench, 50, (store, index) => store.claim(claimOf(`k-${index}`)));
      assert.ok(answers.every((answer) => answered(answer).kind === "claimed"));
    },
  },
  {
    guarantee: 1,
    name: "the origin separates a client's key from our own (H8)",
    async run({ store }) {
      const ours = await claimed(store, claimOf("k", { origin: "own" }));
      const theirs = await claimed(store, claimOf("k", { origin: "http" }));
      assert.notEqual(ours.record.id, theirs.record.id);
    },
  },
  {
    guarantee: 2,
    name: "the fence grows by one with each claim, and a suspension does not give it back",
    needs: ["skew"],
    async run(bench) {
      let { record } = await claimed(bench.store, claimOf("k"));
      for (const fence of [2, 3, 4]) {
        record = (await takenOver(bench, record)).record;
        assert.equal(record.fence, fence);
        assert.equal(record.attempts, fence);
      }
      const waiting = { state: "waiting", dueInMs: 0, countAttempt: false } as const;
      assert.equal(answered(await bench.store.suspend(record, waiting)), "done");
      const given = await recordOf(bench.store, record.id);
      assert.equal(given.fence, 4);
      assert.equal(given.attempts, 3);
      record = (await takenOver(bench, given)).record;
      assert.equal(record.fence, 5);
      assert.equal(record.attempts, 4);
    },
  },
  {
    guarantee: 6,
    name: "a claim with another payload is told the stored fingerprint in every state",
    needs: ["skew"],
    async run(bench) {
      const request = claimOf("k");
      const other = claimOf("k", {
        attemptId: "other",
        fingerprint: digest("other"),
        input: bytes("{}"),
      });
      const meets = async (state: string): Promise<void> => {
        const answer = answered(await bench.store.claim(other));
        assert.ok(answer.kind === "found", `found while ${state}, not ${answer.kind}`);
        const { record, now } = answer.snapshot;
        assert.equal(record.state, state);
        assertBytes(record.fingerprint, request.fingerprint);
        assert.equal(record.recipe, request.recipe);
        assertBytes(record.request?.input, request.input);
        assert.ok(now >= record.createdAt);
      };
      const { record } = await claimed(bench.store, request);
      await meets("running");
      const later = { dueInMs: 0, countAttempt: true } as const;
      answered(await bench.store.suspend(record, { ...later, state: "waiting" }));
      await meets("waiting");
      const second = (await takenOver(bench, record)).record;
      const doubt = { ...later, state: "in_doubt", doubt: "effect-unknown" } as const;
      answered(await bench.store.suspend(second, doubt));
      await meets("in_doubt");
      const third = (await takenOver(bench, second)).record;
      assert.equal(answered(await bench.store.settle(third, settlementOf())), "done");
      await meets("succeeded");
    },
  },
  {
    guarantee: 8,
    name: "while an atomic callback waits, claims of its id are answered busy at once (H14)",
    needs: ["races", "rows", "async-callbacks"],
    async run(bench) {
      const { store } = bench;
      const request = claimOf("k", { form: "atomic" });
      const entered = Promise.withResolvers<void>();
      const leave = Promise.withResolvers<void>();
      const insert = inserting(bench, "row", { settlement: settlementOf(), value: "mine" });
      const mine = store.atomic(request, async (tx) => {
        entered.resolve();
        await leave.promise;
        return insert(tx);
      });
      try {
        await within(10_000, entered.promise);
        const kinds = await crowd(bench, 10, async (handle, index) => {
          const late = { ...request, attemptId: `late-${index}` };
          return index % 3 === 0
            ? answered(await handle.atomic(late, insert)).kind
            : answered(await handle.claim(late)).kind;
        });
        assert.deepEqual(new Set(kinds), new Set(["busy"]));
      } finally {
        leave.resolve();
      }
      assert.equal(answered(await mine).kind, "committed");
      assert.equal(await bench.userRows.count(), 1);
      assert.equal(answered(await store.claim(request)).kind, "found");
    },
  },
  {
    guarantee: 8,
    name: "thirty atomic runs of one id commit once, and nobody is blocked (H14)",
    needs: ["races", "rows"],
    async run(bench) {
      const answers = await crowd(bench, 30, (store, index) =>
        store.atomic(
          claimOf("k", { form: "atomic", attemptId: `attempt-${index}` }),
          inserting(bench, `row-${index}`, { settlement: settlementOf(), value: index }),
        ),
      );
      const kinds = answers.map((answer) => answered(answer).kind);
      assert.equal(kinds.filter((kind) => kind === "committed").length, 1);
      assert.ok(kinds.every((kind) => ["committed", "found", "busy"].includes(kind)));
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 8,
    name: "a claim of an operation that another one takes over is answered",
    needs: ["races", "skew"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      await bench.advance(60_000);
      const answers = await crowd(bench, 20, async (store, index) =>
        index % 2 === 0
          ? answered(await store.claim(claimOf("k", { attemptId: `late-${index}` }))).kind
          : answered(await store.takeOver(takeOverOf(record))).kind,
      );
      const claims = answers.filter((_, index) => index % 2 === 0);
      assert.ok(claims.every((kind) => kind === "found" || kind === "busy"));
      assert.equal(answers.filter((kind) => kind === "claimed").length, 1);
    },
  },
];
