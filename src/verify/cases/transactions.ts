import assert from "node:assert/strict";
import type { MaybePromise } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import {
  after,
  answered,
  assertBytes,
  assertNear,
  assertSame,
  claimed,
  claimOf,
  crowd,
  inserting,
  messageOf,
  recordOf,
  recordWrite,
  settlementOf,
  settleWrite,
  within,
} from "./sample.ts";

const FAILED = settlementOf({ kind: "failed", status: 402 });

/** Guarantees 4 and 16 to 18: what commits together, and what leaves nothing behind. */
export const transactionCases: readonly StoreCase[] = [
  {
    guarantee: 4,
    name: "a settlement, the user's row and the messages commit together",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record, now } = await claimed(store, claimOf("k"));
      const messages = [messageOf("2"), messageOf("1"), messageOf("2", "audit")];
      const write = settleWrite({ ...settlementOf({ reference: "order_1" }), messages });
      const answer = await store.transact(record, inserting(bench, "row", { write, value: 7 }));
      assert.deepEqual(answered(answer), { kind: "committed", value: 7 });
      assert.equal(await bench.userRows.count(), 1);
      const final = await recordOf(store, record.id);
      assert.equal(final.state, "succeeded");
      assert.equal(final.outcome?.kind, "succeeded");
      assert.equal(final.outcome?.status, 201);
      assert.equal(final.outcome?.reference, "order_1");
      assertBytes(final.outcome?.response?.body, settlementOf().outcome.body);
      assert.ok((final.finalAt ?? 0) >= now);
      assert.equal(final.leaseUntil, undefined);
      const staged = answered(await store.messages(record.id));
      const place = (message: { topic: string; key: string }): string =>
        `${message.topic}/${message.key}`;
      assert.deepEqual(staged.map(place), messages.map(place));
      for (const [index, message] of staged.entries()) {
        assertBytes(message.payload, messages[index]?.payload ?? new Uint8Array());
        assert.ok(message.stagedAt >= now);
      }
    },
  },
  {
    guarantee: 4,
    name: "an atomic step, the user's row and the step's messages commit together",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const write = recordWrite("reserve", [messageOf("m")]);
      answered(await store.transact(record, inserting(bench, "row", { write, value: 1 })));
      assert.equal(await bench.userRows.count(), 1);
      assert.deepEqual(
        answered(await store.messages(record.id)).map(({ key }) => key),
        ["m"],
      );
      const [step] = (await recordOf(store, record.id)).steps;
      assert.equal(step?.name, "reserve");
      assert.equal(step?.inputDigest, "digest-of-reserve");
      assert.equal(step?.fence, 1);
      assertNear(step?.recordedAt, step?.begunAt ?? 0);
    },
  },
  {
    guarantee: 4,
    name: "a failed settlement keeps the writes of its callback (H15)",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const write = settleWrite({ ...FAILED, messages: [messageOf("m")] });
      answered(await store.transact(record, inserting(bench, "released", { write, value: 1 })));
      assert.equal(await bench.userRows.count(), 1);
      assert.equal((await recordOf(store, record.id)).state, "failed");
      assert.equal(answered(await store.messages(record.id)).length, 1);
    },
  },
  {
    guarantee: 4,
    name: "twenty settlements of one holder commit once, with the rows of one (H2)",
    needs: ["races", "rows"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      const answers = await crowd(bench, 20, async (store, index) => {
        const work = inserting(bench, `row-${index}`, { write: settleWrite(), value: index });
        const answer = await store.transact(record, work);
        return answer.kind === "ok" ? answer.value.kind : answer.kind;
      });
      assert.equal(answers.filter((kind) => kind === "committed").length, 1);
      assert.ok(!answers.includes("not-known"));
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 4,
    name: "transactions of different operations at the same time all keep their rows",
    needs: ["races", "rows"],
    async run(bench) {
      const answers = await crowd(bench, 20, async (store, index) => {
        const work = inserting(bench, `row-${index}`, { settlement: settlementOf(), value: index });
        return answered(await store.atomic(claimOf(`k-${index}`, { form: "atomic" }), work)).kind;
      });
      assert.deepEqual(new Set(answers), new Set(["committed"]));
      assert.equal(await bench.userRows.count(), 20);
    },
  },
  {
    guarantee: 4,
    name: "an atomic operation commits claim, row, outcome and messages at once",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const request = claimOf("k", { form: "atomic" });
      const settlement = { ...settlementOf(), messages: [messageOf("m")] };
      const work = inserting(bench, "row", { settlement, value: "v" });
      const answer = answered(await store.atomic(request, work));
      assert.ok(answer.kind === "committed");
      assert.equal(answer.value, "v");
      const { record } = answer.snapshot;
      assert.equal(record.state, "succeeded");
      assert.equal(record.form, "atomic");
      assert.equal(record.fence, 1);
      assert.equal(record.attempts, 1);
      assert.equal(record.leaseUntil, undefined);
      assertBytes(record.outcome?.response?.body, settlement.outcome.body);
      assertSame(await recordOf(store, request.id), record);
      assert.equal(await bench.userRows.count(), 1);
      assert.equal(answered(await store.messages(request.id)).length, 1);
      const again = answered(await store.atomic(request, work));
      assert.equal(again.kind, "found");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 4,
    name: "a transaction that is used after its callback writes nothing (H22)",
    needs: ["rows", "own-transaction"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      let leaked: unknown;
      const insert = inserting(bench, "row", { write: recordWrite("reserve"), value: 1 });
      const answer = await bench.store.transact(record, (tx) => {
        leaked = tx;
        return insert(tx);
      });
      assert.equal(answered(answer).kind, "committed");
      await assert.rejects(async () => bench.userRows.insert(leaked, "late"));
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 16,
    name: "a failed outcome of an atomic operation is kept without its row and messages (H15)",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const request = claimOf("k", { form: "atomic" });
      const settlement = { ...FAILED, messages: [messageOf("m")] };
      const work = inserting(bench, "row", { settlement, value: "v" });
      const answer = answered(await store.atomic(request, work));
      assert.ok(answer.kind === "committed");
      assert.equal(answer.value, "v");
      assert.equal(answer.snapshot.record.state, "failed");
      const { state, outcome } = await recordOf(store, request.id);
      assert.equal(state, "failed");
      assert.equal(outcome?.status, 402);
      assertBytes(outcome?.response?.body, FAILED.outcome.body);
      assert.equal(await bench.userRows.count(), 0);
      assert.deepEqual(answered(await store.messages(request.id)), []);
      assert.equal(answered(await store.atomic(request, work)).kind, "found");
      const free = { ...settlementOf(), messages: [messageOf("m")] };
      const other = claimOf("other", { form: "atomic" });
      const next = await store.atomic(
        other,
        inserting(bench, "row", { settlement: free, value: 1 }),
      );
      assert.equal(answered(next).kind, "committed");
    },
  },
  {
    guarantee: 17,
    name: "a callback that throws leaves nothing behind, and its own error comes back",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      for (const error of [new Error("of the user"), undefined, "text"]) {
        const answer = answered(await store.transact(record, throwing(bench, error)));
        assert.ok(answer.kind === "threw");
        assert.equal(answer.error, error);
        const atomic = claimOf("atomic", { form: "atomic" });
        const other = answered(await store.atomic(atomic, throwing(bench, error)));
        assert.ok(other.kind === "threw");
        assert.equal(other.error, error);
        assert.equal(answered(await store.read(atomic.id)), undefined);
      }
      assert.equal(await bench.userRows.count(), 0);
      assertSame(await recordOf(store, record.id), record);
      await claimed(store, claimOf("atomic"));
    },
  },
  {
    guarantee: 17,
    name: "a violated constraint of the user's rolls back everything and comes back",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const write = recordWrite("reserve");
      answered(await store.transact(record, inserting(bench, "taken", { write, value: 1 })));
      const before = await recordOf(store, record.id);
      const settle = settleWrite({ ...settlementOf(), messages: [messageOf("m")] });
      const insert = inserting(bench, "taken", { write: settle, value: 1 });
      const twice = await store.transact(record, (tx) =>
        after(bench.userRows.insert(tx, "new"), () => insert(tx)),
      );
      assert.equal(answered(twice).kind, "threw");
      assert.equal(await bench.userRows.count(), 1);
      assertSame(await recordOf(store, record.id), before);
      assert.deepEqual(answered(await store.messages(record.id)), []);
    },
  },
  {
    guarantee: 17,
    name: "forty throwing callbacks do not use the store up",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const many = async (): Promise<void> => {
        for (let count = 0; count < 20; count += 1) {
          answered(await store.transact(record, throwing(bench, new Error("again"))));
          answered(await store.atomic(claimOf("a"), throwing(bench, new Error("again"))));
        }
        assert.equal(answered(await store.settle(record, settlementOf())), "done");
      };
      await within(20_000, many());
    },
  },
  {
    guarantee: 18,
    name: "a callback that ends the transaction by itself settles nothing",
    needs: ["transactions", "rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const settlement = { ...settlementOf(), messages: [messageOf("m")] };
      for (const write of [settleWrite(settlement), recordWrite("reserve", settlement.messages)]) {
        const answer = await store.transact(record, ending(bench, { write, value: 1 }));
        assert.ok(answer.kind !== "ok" || answer.value.kind !== "committed");
      }
      assertSame(await recordOf(store, record.id), record);
      assert.deepEqual(answered(await store.messages(record.id)), []);
      const request = claimOf("atomic", { form: "atomic" });
      const atomic = await store.atomic(request, ending(bench, { settlement, value: 1 }));
      assert.ok(atomic.kind !== "ok" || atomic.value.kind !== "committed");
      const left = answered(await store.read(request.id));
      assert.equal(left?.record.outcome, undefined);
      assert.deepEqual(answered(await store.messages(request.id)), []);
      assert.equal(answered(await store.settle(record, settlement)), "done");
    },
  },
];

/** A callback that writes a row and then throws. */
function throwing(bench: StoreBench, error: unknown): (tx: unknown) => MaybePromise<never> {
  return (tx) =>
    after(bench.userRows.insert(tx, "row"), (): never => {
      throw error;
    });
}

/** A callback that ends its transaction and then goes on as if nothing had happened. */
function ending<R>(bench: StoreBench, value: R): (tx: unknown) => MaybePromise<R> {
  return (tx) => after(bench.endTransaction?.(tx), () => value);
}
