import assert from "node:assert/strict";
import type { ClaimedMessage } from "../../store/outbox.ts";
import type { StoreCase } from "../bench.ts";
import { repeated, staged } from "./inbox-sample.ts";
import {
  claimedKeys,
  claimedMessage,
  ended,
  messageRecordOf,
  messagesOf,
  orderedOf,
  TOPIC,
  waits,
} from "./outbox-sample.ts";
import { answered, claimed, claimOf, crowd, messageOf, settlementOf } from "./sample.ts";

/** Guarantee 48: messages of one aggregate leave in the order in which they were staged. */
export const outboxOrderCases: readonly StoreCase[] = [
  {
    guarantee: 10,
    name: "a message tells its aggregate, and one that has none tells none",
    async run({ store }) {
      await staged(store, orderedOf("1", "a"), messageOf("2"));
      const told = async (key: string) => {
        const messages = answered(await store.messages(claimOf(`${TOPIC}/${key}`).id));
        return messages.map(({ stagedAt, payload, ...rest }) => rest);
      };
      assert.deepEqual(await told("1"), [{ topic: TOPIC, key: "1", aggregate: "a" }]);
      assert.deepEqual(await told("2"), [{ topic: TOPIC, key: "2" }]);
      assert.deepEqual(await told("3"), []);
    },
  },
  {
    guarantee: 48,
    name: "a message waits while an earlier one of its topic and aggregate is open",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(
        store,
        ...[orderedOf("1", "a"), orderedOf("2", "a"), orderedOf("3", "a"), orderedOf("4", "b")],
        ...[messageOf("5"), messageOf("6"), orderedOf("7", "a", "audit"), orderedOf("8", "A")],
      );
      const open = answered(await messagesOf(store));
      assert.deepEqual(open.map(({ key }) => key).sort(), ["1", "4", "5", "6", "8"]);
      assert.deepEqual(await claimedKeys(store, { topics: ["audit"] }), ["7"]);
      assert.deepEqual(await claimedKeys(store), []);
      const [first] = open.filter(({ key }) => key === "1");
      assert.ok(first);
      await ended(store, first, waits({ dueInMs: 5_000 }));
      assert.deepEqual(await claimedKeys(store), []);
      await bench.advance(6_000);
      const again = await claimedMessage(store);
      assert.equal(again.key, "1");
      await ended(store, again, { kind: "in_doubt", error: "It may have arrived." });
      assert.deepEqual(await claimedKeys(store), []);
      const order = { by: "ada", reason: "seen there", dryRun: false };
      const filter = { numbers: [again.number], limit: 1 };
      answered(await store.outbox.settle({ filter, ...order, to: "sent" }));
      const second = await claimedMessage(store);
      assert.equal(second.key, "2");
      await ended(store, second, { kind: "dead", error: "It is refused." });
      assert.deepEqual(await claimedKeys(store), ["3"]);
    },
  },
  {
    guarantee: 48,
    name: "an operation's own messages of one aggregate leave in the order in which it staged them",
    async run({ store }) {
      await staged(store, orderedOf("1", "a"));
      const { record } = await claimed(store, claimOf("k"));
      const messages = ["9", "3", "5"].map((key) => orderedOf(key, "a"));
      assert.equal(answered(await store.settle(record, { ...settlementOf(), messages })), "done");
      const own = answered(await store.messages(record.id)).map(({ key }) => key);
      assert.deepEqual(own, ["9", "3", "5"]);
      const all = answered(await store.outbox.list({ limit: 10 })).map(({ key }) => key);
      assert.deepEqual(all, ["5", "3", "9", "1"]);
      const keys: string[] = [];
      for (let count = 0; count < 4; count += 1) {
        const message = await claimedMessage(store);
        keys.push(message.key);
        await ended(store, message, { kind: "sent" });
      }
      assert.deepEqual(keys, ["1", "9", "3", "5"]);
    },
  },
  {
    guarantee: 48,
    name: "ten that send at once never send two of one aggregate at a time, nor out of order",
    needs: ["races"],
    async run(bench) {
      const messages = Array.from({ length: 24 }, (_, index) =>
        orderedOf(`${index}`, `order_${index % 3}`),
      );
      await staged(bench.store, ...messages);
      const sending = new Set<string | undefined>();
      const sent: ClaimedMessage[] = [];
      for (let round = 0; round < 40 && sent.length < 24; round += 1)
        await crowd(bench, 10, async (store) => {
          for (const message of await repeated(() => messagesOf(store))) {
            assert.ok(!sending.has(message.aggregate), "one at a time");
            sending.add(message.aggregate);
            await messageRecordOf(store, message.number);
            // From here on another one may be given the next message, before we have the answer.
            sending.delete(message.aggregate);
            const sentNow = { kind: "sent" } as const;
            assert.equal(await repeated(() => store.outbox.end(message, sentNow)), "done");
            sent.push(message);
          }
        });
      assert.equal(sent.length, 24);
      for (const order of ["order_0", "order_1", "order_2"]) {
        const numbers = sent
          .filter(({ aggregate }) => aggregate === order)
          .map(({ number }) => number);
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        );
      }
    },
  },
];
