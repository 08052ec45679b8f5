import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClaimedObject, EventEnd, EventRecord, NewEvent } from "../../src/store/inbox.ts";
import type { Answer } from "../../src/store.ts";
import { type MemoryStore, memoryStore } from "../../src/stores/memory/store.ts";
import { testProperty } from "../property.ts";

const ACTS = [
  "accept",
  "acceptHandled",
  "claim",
  "handle",
  "release",
  "throw",
  "arrive",
  "redeliver",
  "prune",
] as const;

interface Step {
  readonly act: (typeof ACTS)[number];
  readonly event: number;
  readonly object: number;
  readonly ms: number;
  /** Which of the claims that were ever given, counted from the newest. */
  readonly holder: number;
  readonly ends: readonly EventEnd["kind"][];
  readonly keeps: boolean;
  readonly dueInMs: number;
  /** What somebody else does while a callback runs. */
  readonly meanwhile: "accept" | "claim" | undefined;
}

const LEASE_MS = 100;
const KINDS: readonly EventEnd["kind"][] = ["done", "superseded", "unhandled", "dead", "waiting"];

const walk: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    act: fc.constantFrom(...ACTS, "accept", "claim", "claim", "handle"),
    event: fc.nat(9),
    object: fc.nat(2),
    ms: fc.constantFrom(0, 0, 20, 60, 150),
    holder: fc.constantFrom(0, 0, 0, 1, 2),
    ends: fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 4 }),
    keeps: fc.boolean(),
    dueInMs: fc.constantFrom(0, 0, 30, 200),
    meanwhile: fc.constantFrom(undefined, undefined, "accept" as const, "claim" as const),
  }),
  { minLength: 10, maxLength: 60 },
);

testProperty(
  "on any walk an event is new once, done once and never out of reach",
  fc.asyncProperty(walk, async (steps) => {
    const inbox = openInbox();
    for (const [index, step] of steps.entries()) {
      inbox.skew.ms += step.ms;
      await take(inbox, step, index);
      assertRows(inbox);
      assertLegal(inbox, await recordsOf(inbox));
    }
    await assertReachable(inbox);
  }),
);

interface Inbox {
  readonly store: MemoryStore;
  readonly skew: { ms: number };
  readonly claims: ClaimedObject[];
  readonly fences: Map<string, number>;
  readonly news: Map<string, number>;
  /** How often the commit of an end as done was answered, by number. */
  readonly done: Map<number, number>;
  before: readonly EventRecord[];
}

function openInbox(): Inbox {
  const skew = { ms: 0 };
  const clock = { wall: () => 0, monotonic: () => 0, sleep: async () => {}, timer: () => () => {} };
  const store = memoryStore({ skew, clock });
  return {
    ...{ store, skew, claims: [], fences: new Map(), news: new Map(), done: new Map() },
    before: [],
  };
}

function take(inbox: Inbox, step: Step, index: number): Promise<void> {
  switch (step.act) {
    case "accept":
      return acceptTwo(inbox, step);
    case "acceptHandled":
      return acceptHandled(inbox, step, index);
    case "claim":
      return claim(inbox, step);
    case "handle":
    case "release":
    case "throw":
      return end(inbox, step, index);
    case "arrive":
      return arrive(inbox);
    case "redeliver":
      return redeliver(inbox, step);
    case "prune":
      return prune(inbox);
  }
}

async function meanwhile(inbox: Inbox, step: Step): Promise<void> {
  if (step.meanwhile === "accept") await acceptTwo(inbox, step);
  if (step.meanwhile === "claim") await claim(inbox, step);
}

function eventOf({ event, object }: Step): NewEvent {
  return {
    ...{ source: "stripe", key: `evt_${event}`, aliases: [`alias_${event % 4}`], type: "t" },
    ...{ object: `o${object}`, route: "webhook", state: event === 9 ? "unhandled" : "waiting" },
    ...(event > 6 ? { change: "change" } : {}),
    fingerprint: new Uint8Array([event]),
    body: new Uint8Array([event]),
  };
}

function isNewOnce({ news }: Inbox, key: string, isNew: boolean): void {
  assert.equal(isNew, !news.has(key), "new exactly once");
  news.set(key, 1);
}

async function acceptTwo(inbox: Inbox, step: Step): Promise<void> {
  const events = [eventOf(step), eventOf({ ...step, event: (step.event + 3) % 10 })];
  const accepted = ok(await inbox.store.inbox.accept({ events }));
  assert.ok(accepted !== "stale");
  for (const [index, { isNew }] of accepted.entries())
    isNewOnce(inbox, events[index]?.key ?? "", isNew);
}

async function acceptHandled(inbox: Inbox, step: Step, index: number): Promise<void> {
  const event = eventOf(step);
  const [kind = "done"] = step.ends;
  const answer = await inbox.store.inbox.acceptHandled(event, async (tx, { number }) => {
    await meanwhile(inbox, step);
    if (kind === "done") tx.table<number>("done").insert(`${index}`, number);
    return workOf([endOf(number, kind, step)], step, index);
  });
  const value = ok(answer);
  if (value.kind === "known") isNewOnce(inbox, event.key, value.accepted.isNew);
  if (value.kind !== "committed") return;
  isNewOnce(inbox, event.key, true);
  count(inbox, [endOf(value.number, kind, step)]);
}

async function claim(inbox: Inbox, step: Step): Promise<void> {
  const request = { sources: ["stripe"], leaseMs: LEASE_MS, limit: 1 + step.object, eventsMax: 3 };
  for (const object of ok(await inbox.store.inbox.claim(request))) {
    assert.ok(object.fence > (inbox.fences.get(object.object) ?? 0), "a fence only grows");
    inbox.fences.set(object.object, object.fence);
    assert.ok(object.events.length > 0);
    const risky = object.events.filter(({ starts, attempts }) => starts - 1 > attempts);
    if (risky[0]?.number === object.events[0]?.number && risky.length > 0)
      assert.equal(object.events.length, 1, "alone after a start without an end");
    inbox.claims.unshift(object);
  }
}

/** Ends some of a claim's events by a handler or without, also under an older claim. */
async function end(inbox: Inbox, step: Step, index: number): Promise<void> {
  const { store } = inbox;
  const holder = inbox.claims[step.holder];
  if (holder === undefined) return;
  const ends = holder.events
    .slice(0, step.ends.length)
    .map(({ number }, at) => endOf(number, step.ends[at] ?? "done", step));
  if (step.act === "release") {
    const answer = ok(await store.inbox.release(holder, ends));
    if (answer === "done") count(inbox, ends);
    return;
  }
  const answer = await store.inbox.handle(holder, async (tx) => {
    await meanwhile(inbox, step);
    for (const { number, kind } of ends)
      if (kind === "done") tx.table<number>("done").insert(`${index}-${number}`, number);
    if (step.act === "throw") throw new Error("A handler throws.");
    return workOf(ends, step, index);
  });
  const { kind } = ok(answer);
  assert.equal(kind === "threw", step.act === "throw");
  if (kind !== "committed") return;
  assert.equal(holder.fence, inbox.fences.get(holder.object), "only the newest claim commits");
  count(inbox, ends);
}

function endOf(number: number, kind: EventEnd["kind"], step: Step): EventEnd {
  if (kind === "dead") return { number, kind, error: "It says nothing." };
  if (kind !== "waiting") return { number, kind };
  const { dueInMs, keeps } = step;
  return { number, kind, dueInMs, attempted: keeps, ...(keeps ? { waitsFor: "name" } : {}) };
}

function workOf(ends: readonly EventEnd[], { keeps }: Step, index: number) {
  const message = { topic: "t", key: `${index}`, payload: new Uint8Array([1]), origin: "handler" };
  return { ends, state: `${index}`, messages: [message], keeps, value: 1 };
}

function count({ done }: Inbox, ends: readonly EventEnd[]): void {
  for (const { kind, number } of ends)
    if (kind === "done") done.set(number, (done.get(number) ?? 0) + 1);
}

async function arrive(inbox: Inbox): Promise<void> {
  const parked = inbox.before.filter(({ waitsFor }) => waitsFor === "name");
  assert.equal(ok(await inbox.store.inbox.arrive("name")), parked.length);
}

async function redeliver(inbox: Inbox, step: Step): Promise<void> {
  const filter = { limit: 3, object: `o${step.object}` };
  const ruling = { filter, by: "ada", reason: "again", dryRun: step.keeps };
  const numbers = ok(await inbox.store.inbox.redeliver(ruling));
  for (const { number, state } of inbox.before)
    if (numbers.includes(number)) assert.ok(state !== "done" && state !== "waiting");
}

async function prune({ store, skew }: Inbox): Promise<void> {
  const ages = { bodyMs: 100, keyMs: Number.POSITIVE_INFINITY, limit: 5, wall: skew.ms };
  assert.equal(ok(await store.inbox.prune(ages)).kind, "pruned");
}

async function recordsOf({ store }: Inbox): Promise<readonly EventRecord[]> {
  return ok(await store.inbox.list({ limit: 100 }));
}

/** What is done is done once, with the rows of that one commit and of no other. */
function assertRows({ store, done }: Inbox): void {
  for (const times of done.values()) assert.equal(times, 1, "done exactly once");
  const rows = store.table<number>("done").values();
  assert.equal(new Set(rows).size, rows.length, "the rows of one commit");
  assert.ok(
    rows.every((number) => done.has(number)),
    "no rows without their commit",
  );
}

function assertLegal(inbox: Inbox, records: readonly EventRecord[]): void {
  for (const was of inbox.before) {
    const is = records.find(({ number }) => number === was.number);
    assert.ok(is, "an event never vanishes without a prune of keys");
    if (was.state === "done") assert.equal(is.state, "done");
    assert.ok(is.deliveries >= was.deliveries && is.conflicts >= was.conflicts);
  }
  for (const { state, dueAt, endedAt, number } of records) {
    assert.equal(dueAt === undefined, state !== "waiting");
    assert.equal(endedAt === undefined, state === "waiting");
    assert.equal(inbox.done.has(number), state === "done");
  }
  inbox.before = records;
}

/** Whatever has happened, claims alone bring every waiting event to its end. */
async function assertReachable(inbox: Inbox): Promise<void> {
  const { store, skew } = inbox;
  inbox.skew.ms += 10_000;
  for (let round = 0; round < 40; round += 1) {
    skew.ms += LEASE_MS + 1;
    const request = { sources: ["stripe"], leaseMs: LEASE_MS, limit: 10, eventsMax: 3 };
    for (const object of ok(await store.inbox.claim(request))) {
      const ends = object.events.map(({ number }) => ({ number, kind: "done" }) as const);
      assert.equal(ok(await store.inbox.release(object, ends)), "done");
      count(inbox, ends);
    }
  }
  const records = await recordsOf(inbox);
  assert.ok(
    records.every(({ state }) => state !== "waiting"),
    "nothing is out of reach",
  );
  assertLegal(inbox, records);
}

function ok<T>(answer: Answer<T>): T {
  assert.ok(answer.kind === "ok");
  return answer.value;
}
