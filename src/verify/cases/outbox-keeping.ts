import assert from "node:assert/strict";
import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type { OutboxPruneAnswer, OutboxPruneRequest } from "../../store/outbox.ts";
import type { Store } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import { HOSTILE } from "./hostile.ts";
import { databaseNow, sorted, staged } from "./inbox-sample.ts";
import {
  claimedKeys,
  claimedMessage,
  ended,
  messageRecordOf,
  messagesOf,
  TOPIC,
  waits,
} from "./outbox-sample.ts";
import {
  answered,
  assertBytes,
  assertNear,
  bytes,
  claimed,
  claimOf,
  messageOf,
  settlementOf,
} from "./sample.ts";

const WEEK_MS = 7 * 86_400_000;
const ORDER = { by: "ada@example.com", reason: "The receiver was asked.", dryRun: false };

/** Guarantees 50 and 51, and 9 and 24 for what goes out: messages in the hands of a person. */
export const outboxKeepingCases: readonly StoreCase[] = [
  {
    guarantee: 50,
    name: "a person sends again what is in doubt or dead, and nothing else",
    async run({ store }) {
      const { sent, doubt, dead, waiting, sending } = await everyState(store);
      assert.equal((await messageRecordOf(store, doubt)).doubted, true);
      assert.equal((await messageRecordOf(store, dead)).doubted, false);
      const ruling = { ...ORDER, filter: { limit: 100 }, to: "waiting" } as const;
      assert.deepEqual(sorted(answered(await store.outbox.settle(ruling))), [doubt, dead]);
      const stays = { [sent]: "sent", [waiting]: "waiting", [sending]: "sending" };
      for (const [number, state] of Object.entries(stays))
        assert.equal((await messageRecordOf(store, Number(number))).state, state);
      const again = answered(await messagesOf(store));
      assert.deepEqual(sorted(again.map(({ number }) => number)), [doubt, dead]);
      assert.ok(again.every(({ sends, doubted }) => sends === 2 && !doubted));
      for (const message of again)
        assert.equal((await ended(store, message, { kind: "sent" })).state, "sent");
      assert.deepEqual(answered(await store.outbox.settle(ruling)), []);
      const [second, first, ...more] = answered(await store.outbox.rulings(10));
      assert.ok(first && second);
      assert.deepEqual(more, []);
      assert.equal(second.count, 0);
      const { at, filter, ...rest } = first;
      assert.deepEqual(JSON.parse(filter), ruling.filter);
      assertNear(at, again[0]?.stagedAt ?? 0);
      assert.deepEqual(rest, { ...ORDER, action: "outbox.waiting", count: 2 });
      assert.deepEqual(answered(await store.inbox.rulings(10)), []);
    },
  },
  {
    guarantee: 50,
    name: "what a person calls sent is never sent again",
    async run({ store }) {
      const { doubt, dead, waiting } = await everyState(store);
      const filter = { numbers: [doubt, dead, waiting], limit: 10 };
      const answer = await store.outbox.settle({ ...ORDER, filter, to: "sent" });
      assert.deepEqual(sorted(answered(answer)), [doubt, dead]);
      const { state, endedAt, stagedAt } = await messageRecordOf(store, doubt);
      assert.equal(state, "sent");
      assertNear(endedAt, stagedAt);
      const back = await store.outbox.settle({ ...ORDER, filter, to: "waiting" });
      assert.deepEqual(answered(back), []);
      assert.deepEqual(answered(await messagesOf(store)), []);
      const actions = answered(await store.outbox.rulings(10)).map(({ action }) => action);
      assert.deepEqual(actions, ["outbox.waiting", "outbox.sent"]);
    },
  },
  {
    guarantee: 50,
    name: "a dry run answers the same, changes nothing and is kept",
    async run({ store }) {
      const { dead } = await everyState(store);
      const before = answered(await store.outbox.list({ limit: 100 }));
      const ruling = { ...ORDER, filter: { state: "dead", limit: 10 }, to: "waiting" } as const;
      const dry = await store.outbox.settle({ ...ruling, dryRun: true });
      assert.deepEqual(answered(dry), [dead]);
      assert.deepEqual(answered(await store.outbox.list({ limit: 100 })), before);
      assert.deepEqual(answered(await messagesOf(store)), []);
      assert.deepEqual(answered(await store.outbox.settle(ruling)), [dead]);
      const kept = answered(await store.outbox.rulings(10));
      assert.deepEqual(
        kept.map(({ dryRun, count }) => [dryRun, count]),
        [
          [false, 1],
          [true, 1],
        ],
      );
    },
  },
  {
    guarantee: 51,
    name: "the payloads of messages that were sent long ago go, and their keys stay taken",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const before = await everyState(store);
      await bench.advance(WEEK_MS + 60_000);
      await staged(store, messageOf("young", "audit"));
      const [young] = answered(await messagesOf(store, { topics: ["audit"] }));
      assert.ok(young);
      await ended(store, young, { kind: "sent" });
      assert.deepEqual(await prune(store), { kind: "pruned", messages: 1 });
      assert.deepEqual(await prune(store), { kind: "pruned", messages: 0 });
      const payloads = { sent: 0, doubt: 14, dead: 13, waiting: 16, sending: 16 };
      for (const [key, size] of Object.entries(payloads)) {
        const [message] = answered(await store.messages(claimOf(`${TOPIC}/${key}`).id));
        assert.equal(message?.key, key);
        assert.equal(message?.payload.length, size);
      }
      const record = await messageRecordOf(store, before.sent);
      assert.equal(record.state, "sent");
      assert.equal(record.reference, "their_1");
      const { record: operation } = await claimed(store, claimOf("k"));
      const messages = [messageOf("sent")];
      const again = await store.settle(operation, { ...settlementOf(), messages });
      assert.equal(again.kind, "not-applied");
    },
  },
  {
    guarantee: 51,
    name: "no payload goes while the clocks disagree, and no more than the limit",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, ...["a", "b", "c"].map((key) => messageOf(key)));
      for (const message of answered(await messagesOf(store)))
        await ended(store, message, { kind: "sent" });
      await bench.advance(2 * WEEK_MS);
      for (const offMs of [-2 * WEEK_MS, -CLOCK_MARGIN_MS - 60_000, CLOCK_MARGIN_MS + 60_000]) {
        const wall = (await databaseNow(store)) + offMs;
        const answer = await prune(store, { wall });
        assert.ok(answer.kind === "clocks-disagree");
        assertNear(answer.now, wall - offMs);
      }
      const counts: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const answer = await prune(store, { limit: 2 });
        counts.push(answer.kind === "pruned" ? answer.messages : -1);
      }
      assert.deepEqual(counts, [2, 1, 0]);
    },
  },
  {
    guarantee: 9,
    name: "messages are listed newest first, filtered, and their pages lose none",
    async run({ store }) {
      const { doubt } = await everyState(store);
      await staged(store, messageOf("other", "audit"));
      const list = async (filter: Parameters<Store["outbox"]["list"]>[0]) =>
        answered(await store.outbox.list(filter)).map(({ number }) => number);
      const all = await list({ limit: 100 });
      assert.equal(all.length, 6);
      assert.deepEqual(
        all,
        all.toSorted((a, b) => b - a),
      );
      const paged: number[] = [];
      for (let after: number | undefined; paged.length < 6; after = paged.at(-1)) {
        const page = await list({ limit: 2, ...(after === undefined ? {} : { after }) });
        assert.equal(page.length, 2);
        paged.push(...page);
      }
      assert.deepEqual(paged, all);
      assert.deepEqual(await list({ topic: "audit", limit: 10 }), all.slice(0, 1));
      assert.deepEqual(await list({ state: "in_doubt", limit: 10 }), [doubt]);
      assert.deepEqual(await list({ state: "in_doubt", topic: "audit", limit: 10 }), []);
      assert.deepEqual(await list({ numbers: [doubt], limit: 10 }), [doubt]);
      assert.deepEqual(await list({ numbers: [], limit: 10 }), []);
    },
  },
  {
    guarantee: 24,
    name: "hostile topics, keys, aggregates, references, errors and words of persons are data",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      const messages = HOSTILE.map((text) => ({
        ...{ topic: text, key: text, aggregate: text, payload: bytes(text) },
      }));
      assert.equal(answered(await store.settle(record, { ...settlementOf(), messages })), "done");
      for (const text of HOSTILE) {
        const topics = [text];
        const [message, ...others] = answered(await messagesOf(store, { topics }));
        assert.ok(message);
        assert.deepEqual(others, []);
        assert.equal(message.topic, text);
        assert.equal(message.key, text);
        assert.equal(message.aggregate, text);
        assertBytes(message.payload, bytes(text));
        assert.equal((await ended(store, message, waits({ error: text }))).error, text);
        const [again] = answered(await messagesOf(store, { topics }));
        assert.ok(again);
        const sent = await ended(store, again, { kind: "sent", reference: text });
        assert.equal(sent.reference, text);
        const order = { filter: { topic: text, limit: 1 }, by: text, reason: text, dryRun: false };
        assert.deepEqual(answered(await store.outbox.settle({ ...order, to: "waiting" })), []);
        const [ruling] = answered(await store.outbox.rulings(1));
        assert.equal(ruling?.by, text);
        assert.equal(ruling?.reason, text);
        assert.deepEqual(JSON.parse(ruling?.filter ?? ""), order.filter);
      }
      const topics = HOSTILE.slice();
      assert.deepEqual(await claimedKeys(store, { topics }), []);
    },
  },
];

interface EveryState {
  readonly sent: number;
  readonly doubt: number;
  readonly dead: number;
  /** Not due. */
  readonly waiting: number;
  readonly sending: number;
}

/** One message in each state, named by it. */
async function everyState(store: Store): Promise<EveryState> {
  const numbers: number[] = [];
  const ends = {
    sent: { kind: "sent", reference: "their_1" },
    doubt: { kind: "in_doubt", error: "It may have arrived." },
    dead: { kind: "dead", error: "It is refused." },
    waiting: waits({ dueInMs: 4 * WEEK_MS }),
    sending: undefined,
  } as const;
  for (const [key, end] of Object.entries(ends)) {
    await staged(store, messageOf(key));
    const message = await claimedMessage(store);
    numbers.push(message.number);
    if (end !== undefined) await ended(store, message, end);
  }
  const [sent = 0, doubt = 0, dead = 0, waiting = 0, sending = 0] = numbers;
  return { sent, doubt, dead, waiting, sending };
}

async function prune(
  store: Store,
  change: Partial<OutboxPruneRequest> = {},
): Promise<OutboxPruneAnswer> {
  const { wall = await databaseNow(store) } = change;
  return answered(await store.outbox.prune({ sentMs: WEEK_MS, limit: 100, ...change, wall }));
}
