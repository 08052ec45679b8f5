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
import {
  answered,
  assertBytes,
  assertNear,
  claimOf,
  crowd,
  handlesOf,
  LEASE_MS,
  messageOf,
} from "./sample.ts";

const LAPSED_MS = LEASE_MS + 1_000;
const YEAR_MS = 365 * 86_400_000;
const EVERY_BYTE = new Uint8Array(Array.from({ length: 256 }, (_, index) => index));

/** Guarantees 45 to 47 and 49: who sends a message, and what is known before it leaves. */
export const outboxCases: readonly StoreCase[] = [
  {
    guarantee: 45,
    name: "the send is counted and committed before anything leaves",
    async run(bench) {
      const { store } = bench;
      const [, other = store] = await handlesOf(bench);
      await staged(store, { ...orderedOf("m", "order_1"), payload: EVERY_BYTE });
      const origin = claimOf(`${TOPIC}/m`).id;
      const [before] = answered(await store.outbox.list({ limit: 10 }));
      assert.ok(before);
      const { number, stagedAt, dueAt, ...rest } = before;
      assertNear(dueAt, stagedAt);
      const names = { topic: TOPIC, key: "m", aggregate: "order_1", origin } as const;
      assert.deepEqual(rest, {
        ...{ ...names, state: "waiting", sends: 0, doubted: false, firstSentAt: undefined },
        ...{ endedAt: undefined, reference: undefined, error: undefined },
      });
      const message = await claimedMessage(store);
      const { payload, fence, firstSentAt, now, ...claim } = message;
      assertBytes(payload, EVERY_BYTE);
      assert.ok(fence > 0);
      assertNear(firstSentAt, now);
      assert.deepEqual(claim, { number, stagedAt, ...names, sends: 1, doubted: false });
      const sending = await messageRecordOf(other, number);
      assert.equal(sending.state, "sending");
      assert.equal(sending.sends, 1);
      assert.equal(sending.firstSentAt, firstSentAt);
      assertNear(sending.dueAt, now + LEASE_MS);
      assert.deepEqual(answered(await messagesOf(other)), []);
      const sent = await ended(store, message, { kind: "sent", reference: "their_1" });
      assert.equal(sent.state, "sent");
      assert.equal(sent.reference, "their_1");
      assert.equal(sent.dueAt, undefined);
      assertNear(sent.endedAt, now);
      assert.equal(sent.firstSentAt, firstSentAt);
    },
  },
  {
    guarantee: 45,
    name: "a message that is sent again keeps the time of its first send",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, messageOf("m"));
      const first = await claimedMessage(store);
      assert.equal(first.aggregate, undefined);
      const failed = await ended(store, first, waits({ dueInMs: 60_000 }));
      assert.equal(failed.state, "waiting");
      assert.equal(failed.error, "It is away.");
      assertNear(failed.dueAt, first.now + 60_000);
      await bench.advance(50_000);
      assert.deepEqual(answered(await messagesOf(store)), []);
      await bench.advance(11_000);
      const second = await claimedMessage(store);
      assert.equal(second.sends, 2);
      assert.equal(second.firstSentAt, first.firstSentAt);
      assert.ok(second.fence > first.fence);
      assert.equal(second.doubted, false);
    },
  },
  {
    guarantee: 45,
    name: "thirty messages claimed by ten at once are given once each",
    needs: ["races"],
    async run(bench) {
      const messages = Array.from({ length: 30 }, (_, index) => messageOf(`m-${index}`));
      await staged(bench.store, ...messages);
      const given: ClaimedMessage[] = [];
      // A claim may pass over what another one is about to take, so it may take several.
      for (let round = 0; round < 5; round += 1) {
        const answers = await crowd(bench, 10, (store) =>
          repeated(() => messagesOf(store, { limit: 5 })),
        );
        given.push(...answers.flat());
      }
      assert.equal(given.length, 30);
      assert.equal(new Set(given.map(({ key }) => key)).size, 30);
      assert.ok(given.every(({ sends }) => sends === 1));
    },
  },
  {
    guarantee: 45,
    name: "messages that are due for longest come first, of the topics asked for, up to the limit",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, messageOf("late"), messageOf("elsewhere", "audit"));
      const late = await claimedMessage(store);
      await ended(store, late, waits({ dueInMs: 10_000 }));
      for (const key of ["b", "a", "c"]) {
        await bench.advance(1_000);
        await staged(store, messageOf(key));
      }
      await bench.advance(10_000);
      assert.deepEqual(await claimedKeys(store, { topics: [] }), []);
      assert.deepEqual(await claimedKeys(store, { topics: ["receip", "RECEIPT"] }), []);
      assert.deepEqual(await claimedKeys(store, { limit: 2 }), ["b", "a"]);
      assert.deepEqual(await claimedKeys(store, { limit: 2 }), ["c", "late"]);
      assert.deepEqual(await claimedKeys(store, { topics: ["audit", TOPIC] }), ["elsewhere"]);
    },
  },
  {
    guarantee: 46,
    name: "a claim that lapsed without an end leaves a doubt, which later ends do not take away",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, messageOf("m"));
      const first = await claimedMessage(store);
      await bench.advance(LEASE_MS - 5_000);
      assert.deepEqual(answered(await messagesOf(store)), []);
      await bench.advance(6_000);
      const second = await claimedMessage(store);
      assert.equal(second.doubted, true);
      assert.equal(second.sends, 2);
      assert.ok(second.fence > first.fence);
      assert.equal(second.firstSentAt, first.firstSentAt);
      assert.equal((await ended(store, second, waits())).doubted, true);
      assert.equal((await claimedMessage(store)).doubted, true);
    },
  },
  {
    guarantee: 46,
    name: "an end that says so leaves a doubt, and one that does not leaves none",
    async run({ store }) {
      await staged(store, messageOf("m"));
      const doubts: boolean[] = [];
      for (const doubted of [false, true, false]) {
        const message = await claimedMessage(store);
        doubts.push(message.doubted);
        await ended(store, message, waits({ doubted }));
      }
      doubts.push((await claimedMessage(store)).doubted);
      assert.deepEqual(doubts, [false, false, true, true]);
    },
  },
  {
    guarantee: 47,
    name: "an end under an older fence, or a second one, changes nothing",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, messageOf("m"));
      const old = await claimedMessage(store);
      await bench.advance(LAPSED_MS);
      const now = await claimedMessage(store);
      const before = await messageRecordOf(store, now.number);
      const end = async (message: ClaimedMessage, kind: "sent" | "dead") =>
        answered(await store.outbox.end(message, { kind, error: "It is gone." }));
      assert.equal(await end(old, "sent"), "stale");
      assert.equal(await end({ ...now, fence: now.fence + 1 }, "dead"), "stale");
      assert.equal(await end({ ...now, number: now.number + 1_000 }, "dead"), "stale");
      assert.deepEqual(await messageRecordOf(store, now.number), before);
      assert.equal(await end(now, "sent"), "done");
      assert.equal(await end(now, "dead"), "stale");
      assert.equal((await messageRecordOf(store, now.number)).state, "sent");
    },
  },
  {
    guarantee: 47,
    name: "the fence decides and not the clock: a lapsed claim that nobody took still ends",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, messageOf("m"));
      const message = await claimedMessage(store);
      await bench.advance(LAPSED_MS);
      assert.equal((await ended(store, message, { kind: "sent" })).state, "sent");
      assert.deepEqual(answered(await messagesOf(store)), []);
    },
  },
  {
    guarantee: 49,
    name: "what was sent, is in doubt or is dead is never claimed again by itself",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      await staged(store, ...["a", "b", "c"].map((key) => messageOf(key)));
      const [a, b, c] = answered(await messagesOf(store));
      assert.ok(a && b && c);
      await ended(store, a, { kind: "sent" });
      const doubt = await ended(store, b, { kind: "in_doubt", error: "It may have arrived." });
      const dead = await ended(store, c, { kind: "dead", error: "It is refused." });
      assert.equal(doubt.state, "in_doubt");
      assert.equal(doubt.error, "It may have arrived.");
      assert.equal(dead.state, "dead");
      assert.equal(dead.error, "It is refused.");
      for (const { dueAt } of [doubt, dead]) assert.equal(dueAt, undefined);
      await bench.advance(YEAR_MS);
      assert.deepEqual(answered(await messagesOf(store)), []);
    },
  },
];
