import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import {
  declined,
  inDoubt,
  notExecuted,
  type OutgoingMessage,
  type RelayOptions,
  type Report,
  refused,
  type Send,
} from "../../../src/index.ts";
import type { ClaimedMessage, MessageEnd } from "../../../src/store/outbox.ts";
import { settleTurn } from "../acquirer.ts";
import { handClock } from "../hand-clock.ts";
import { ground, type MemoryOnce } from "../inbox/ground.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What a full draw of the first wait comes to. */
const FIRST_WAIT_MS = 2_000;

interface Case {
  readonly send?: Send;
  readonly options?: RelayOptions;
  /** What the claim says of the message instead, from its own time on. */
  readonly change?: (now: number) => Partial<ClaimedMessage>;
  /** How long the process slept between the claim and the send. */
  readonly sleptMs?: number;
  /** What the store answers to the end instead. */
  readonly answer?: "stale" | "lost";
}

/** A staged message, sent once by a process whose clock stands still. */
async function sentOnce({ send, options, change, sleptMs = 0, answer }: Case) {
  const here = ground();
  const { store } = here;
  const clock = handClock();
  const ends: MessageEnd[] = [];
  const leases: number[] = [];
  const outbox: typeof store.outbox = {
    ...store.outbox,
    claim: async (request) => {
      leases.push(request.leaseMs);
      const claimed = await store.outbox.claim(request);
      await clock.pass(sleptMs);
      if (claimed.kind !== "ok") return claimed;
      const value = claimed.value.map((one) => ({ ...one, ...change?.(one.now) }));
      return { kind: "ok", value };
    },
    end: async (holder, end) => {
      ends.push(end);
      if (answer === "stale") return { kind: "ok", value: "stale" };
      if (answer === "lost") return { kind: "not-known", error: new Error("lost") };
      return store.outbox.end(holder, end);
    },
  };
  const once = here.process({
    ...{ store: { ...store, outbox }, clock, storeTimeoutMs: DAY_MS },
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
  });
  await stage(once);
  const sent: OutgoingMessage[] = [];
  once.relay(
    "mail",
    (message) => {
      sent.push(message);
      return send?.(message);
    },
    options,
  );
  here.reports.length = 0;
  return { once, clock, sent, ends, leases, reports: here.reports };
}

async function stage(once: MemoryOnce): Promise<void> {
  const staging = once.atomic("stage", {
    input: z.object({}),
    handler: (op) => {
      op.stage("mail", { text: "hello" }, { key: "mail:1", aggregate: "ann" });
      return {};
    },
  });
  assert.equal((await staging.run({ scope: "a", key: "k", input: {} })).kind, "succeeded");
}

/** What the one pass made of the message. */
async function endOf(given: Case) {
  const { once, clock, sent, ends, reports } = await sentOnce(given);
  const { relaying } = await once.worker.runOnce();
  return { end: ends[0], sent, reports, relaying, pending: clock.pending };
}

const doubted =
  (firstSentAgoMs: number, more: Partial<ClaimedMessage> = {}) =>
  (now: number): Partial<ClaimedMessage> => ({
    ...{ doubted: true, firstSentAt: now - firstSentAgoMs },
    ...more,
  });

const lose: Send = () => {
  throw new Error("No answer came.");
};
const refuse: Send = () => notExecuted("The connection was refused.");

for (const [dedupeMs, timeoutMs, marginMs] of [
  [DAY_MS, 30_000, 90_000],
  [DAY_MS, 1_000, 61_000],
  [100_000, 30_000, 40_000],
] as const) {
  test(`a doubted message is repeated up to ${marginMs} ms before ${dedupeMs} ms are over`, async () => {
    const options = { dedupeMs, timeoutMs };
    const last = await endOf({ options, change: doubted(dedupeMs - marginMs - 1) });
    assert.deepEqual([last.end?.kind, last.sent.length], ["sent", 1]);
    const late = await endOf({ options, change: doubted(dedupeMs - marginMs) });
    assert.deepEqual([late.end?.kind, late.sent.length], ["in_doubt", 0]);
    // The time since the claim counts too.
    const slow = await endOf({ options, change: doubted(dedupeMs - marginMs - 1), sleptMs: 1 });
    assert.deepEqual([slow.end?.kind, slow.sent.length], ["in_doubt", 0]);
  });

  test(`a lost answer is repeated only if there are ${marginMs} ms left of ${dedupeMs} ms`, async () => {
    const options = { dedupeMs, timeoutMs };
    const left = dedupeMs - marginMs - FIRST_WAIT_MS;
    const firstSent = (agoMs: number) => (now: number) => ({ firstSentAt: now - agoMs });
    const inTime = await endOf({ send: lose, options, change: firstSent(left - 1) });
    assert.deepEqual(inTime.end, {
      ...{ kind: "waiting", dueInMs: FIRST_WAIT_MS, doubted: true },
      error: "Error: No answer came.",
    });
    const late = await endOf({ send: lose, options, change: firstSent(left) });
    assert.equal(late.end?.kind, "in_doubt");
  });
}

test("a process that slept after its claim sends nothing, and leaves no doubt by that", async () => {
  const awake = await endOf({ sleptMs: 5_000 });
  assert.deepEqual([awake.end?.kind, awake.sent.length], ["sent", 1]);
  const { end, sent } = await endOf({ sleptMs: 5_001 });
  assert.ok(end?.kind === "waiting");
  assert.deepEqual([end.dueInMs, end.doubted, sent.length], [0, false, 0]);
  assert.match(end.error, /slept/);
});

test("a receiver gets the message with its id, its place and its count", async () => {
  const { sent, end, pending, relaying } = await endOf({
    options: { reference: (returned) => String(returned) },
    send: () => "m_1",
  });
  const [{ signal, stagedAt, id, ...message } = {} as OutgoingMessage] = sent;
  assert.deepEqual(message, {
    ...{ topic: "mail", key: "mail:1", aggregate: "ann", sequence: 1 },
    ...{ payload: { text: "hello" }, attempt: 1 },
  });
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8/);
  assert.ok(Math.abs(stagedAt - Date.now()) < 60_000);
  assert.deepEqual([signal.aborted, pending], [false, 0]);
  assert.deepEqual(end, { kind: "sent", reference: "m_1" });
  assert.deepEqual(relaying, { claimed: 1, sent: 1, reachable: true });
});

test("a send that takes too long is aborted and leaves a doubt", async () => {
  const hang = () => new Promise<never>(() => undefined);
  const options = { timeoutMs: 700, dedupeMs: DAY_MS };
  const { once, clock, sent, ends, leases } = await sentOnce({ send: hang, options });
  const pass = once.worker.runOnce();
  await settleTurn();
  await clock.pass(699);
  assert.deepEqual([sent[0]?.signal.aborted, ends], [false, []]);
  await clock.pass(1);
  await pass;
  const [end] = ends;
  assert.ok(end?.kind === "waiting" && end.doubted);
  assert.match(end.error, /not answered within 700 ms/);
  assert.deepEqual(leases, [15_700]);
});

test("a message is tried for so long from its staging, and then only a doubt is kept", async () => {
  const options = { retryForMs: HOUR_MS, dedupeMs: DAY_MS };
  const staged = (agoMs: number) => (now: number) => ({ stagedAt: now - agoMs });
  assert.equal(
    (await endOf({ send: refuse, options, change: staged(HOUR_MS) })).end?.kind,
    "waiting",
  );
  const over = await endOf({ send: refuse, options, change: staged(HOUR_MS + 1) });
  assert.ok(over.end?.kind === "dead");
  assert.match(over.end.error, /too long.*connection was refused.*The send says so/);
  const unsure = await endOf({ send: lose, options, change: staged(HOUR_MS + 1) });
  assert.equal(unsure.end?.kind, "in_doubt");
  const before = doubted(0, { stagedAt: 0 });
  assert.equal((await endOf({ send: refuse, options, change: before })).end?.kind, "in_doubt");
});

test("a refusal is final, but says nothing of an earlier send that may have arrived", async () => {
  for (const send of [() => refused({ code: 410 }), () => declined({ code: 410 })]) {
    const { end } = await endOf({ send });
    assert.ok(end?.kind === "dead");
    assert.match(end.error, /\{"code":410\}/);
    const change = doubted(0);
    assert.equal(
      (await endOf({ send, change, options: { dedupeMs: DAY_MS } })).end?.kind,
      "in_doubt",
    );
  }
});

for (const [what, send, dueInMs, isDoubted] of [
  ["a refusal that names no time", refuse, FIRST_WAIT_MS, false],
  ["a limiter that names a later time", () => notExecuted("429", 60_000), 60_000, false],
  ["a limiter that names a sooner time", () => notExecuted("429", 1), FIRST_WAIT_MS, false],
  ["a doubt that the send itself tells", () => inDoubt("unanswered"), FIRST_WAIT_MS, true],
] as const satisfies readonly (readonly [string, Send, number, boolean])[])
  test(`a message waits for its next send: ${what}`, async () => {
    const { end, reports } = await endOf({ send, options: { dedupeMs: DAY_MS } });
    assert.ok(end?.kind === "waiting");
    assert.deepEqual([end.dueInMs, end.doubted], [dueInMs, isDoubted]);
    const told = { type: "message.waiting", topic: "mail", number: 1, dueInMs };
    assert.deepEqual(reports, [{ ...told, error: end.error }]);
  });

test("an earlier doubt stays through a send that proves to have done nothing", async () => {
  const options = { dedupeMs: DAY_MS };
  const { end } = await endOf({ send: refuse, options, change: doubted(0) });
  assert.ok(end?.kind === "waiting" && end.doubted);
});

test("what proves that a send never left is told by the network's errors, or by the judge", async () => {
  const unconnected = Object.assign(new Error("no"), { code: "ECONNREFUSED", syscall: "connect" });
  const network = await endOf({
    send: () => {
      throw unconnected;
    },
  });
  assert.ok(network.end?.kind === "waiting");
  assert.equal(network.end.doubted, false);
  assert.match(network.end.error, /no connection was made \(Error: no\)/);
  const judged = await endOf({ send: lose, options: { judge: () => refused("never") } });
  assert.equal(judged.end?.kind, "dead");
});

for (const [send, type] of [
  [() => undefined, "message.sent"],
  [() => refused("gone"), "message.dead"],
  [lose, "message.in-doubt"],
] as const satisfies readonly (readonly [Send, Report["type"]])[])
  test(`an end is told once it is written: ${type}`, async () => {
    const { reports, end } = await endOf({ send });
    const error = end && "error" in end ? { error: end.error } : {};
    assert.deepEqual(reports, [{ type, topic: "mail", number: 1, ...error }]);
    const { reports: silent, relaying } = await endOf({ send, answer: "stale" });
    assert.deepEqual([silent, relaying?.sent], [[], 0]);
    const lost = await endOf({ send, answer: "lost" });
    assert.deepEqual(lost.relaying, { claimed: 1, sent: 0, reachable: true });
    assert.deepEqual(
      lost.reports.map((one) => one.type),
      ["outbox.failed"],
    );
  });

test("a message has the same id in every process, and another in every namespace", async () => {
  const ids: (string | undefined)[] = [];
  for (const namespace of ["test", "test", "other"]) {
    const here = ground();
    const once = here.process({ namespace });
    await stage(once);
    once.relay("mail", ({ id }) => void ids.push(id));
    await once.worker.runOnce();
  }
  assert.equal(ids[0], "1a859757-5f58-8c5c-bda7-deaa48d08ffb", "also in every release");
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[0], ids[2]);
});
