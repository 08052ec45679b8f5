import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "./campaign.ts";
import { check } from "./checker.ts";
import { ownCode } from "./code.ts";
import { copyOf } from "./copy.ts";
import { belowFloor, missed, table } from "./coverage.ts";
import { launch } from "./launch.ts";
import { drawPlan } from "./plan.ts";
import { checkMail } from "./relay.ts";
import { simulate } from "./simulation.ts";
import { checkEvents } from "./webhook-rules.ts";
import {
  BACKWARD_WORKLOADS,
  COMPOSED_WORKLOADS,
  PLANNED_WORKLOADS,
  VENDOR_WORKLOADS,
  WEBHOOK_WORKLOADS,
} from "./workload.ts";

const HISTORIES = 6_000;
const DOUBTFUL = 3_000;
const WEBHOOKS = 2_000;
const FAILOVERS = 3_000;
const MANNERS = 3_000;
const MAILS = 3_000;
const BACKWARD = 2_500;
const PLANS = 2_000;
const NEXT = 2_000;
const REPEATED = 150;

test("no schedule, crash or lost answer breaks a promise", async (context) => {
  const { found, campaign } = await launch({ seeds: HISTORIES });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign).split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign), [], "a port never met one of its faults");
  assert.deepEqual(belowFloor(campaign), [], "too few operations reach their outcome");
});

test("no doubt is resolved by a guess, and none is left that somebody can resolve", async (context) => {
  const workloads = ["refused", "found", "told", "taken-back"] as const;
  const { found, campaign } = await launch({ seeds: DOUBTFUL, workloads });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign, "doubtful").split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign, "doubtful"), [], "a port never met one of its faults");
  assert.deepEqual(belowFloor(campaign, workloads), [], "too few operations reach their outcome");
});

test("events bring the proof of a charge once, whatever is lost on their way", async (context) => {
  const workloads = WEBHOOK_WORKLOADS;
  const { found, campaign } = await launch({ seeds: WEBHOOKS, workloads });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign, "events").split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign, "events"), [], "a port never met one of its faults");
  assert.deepEqual(belowFloor(campaign, workloads), [], "too few operations reach their outcome");
});

test("a later release of the library beside this one breaks no promise", async (context) => {
  const { found, campaign } = await launch({ seeds: NEXT, next: true });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  assert.deepEqual(belowFloor(campaign), [], "too few operations reach their outcome");
});

test("no manner in which a provider treats keys makes a second charge", async (context) => {
  const workloads = VENDOR_WORKLOADS;
  const { found, campaign } = await launch({ seeds: MANNERS, workloads });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign, "vendors").split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign, "vendors"), [], "a port never met one of its faults");
  assert.deepEqual(belowFloor(campaign, workloads), [], "too few operations reach their outcome");
});

test("what is taken back is so once, and whole, and an operation inside another happens once", async (context) => {
  const workloads = [...BACKWARD_WORKLOADS, ...COMPOSED_WORKLOADS] as const;
  const { found, campaign } = await launch({ seeds: BACKWARD, workloads });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign, "backward").split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign, "backward"), [], "a port never met one of its faults");
  assert.deepEqual(belowFloor(campaign, workloads), [], "too few operations reach their outcome");
});

test("a plan is carried out once, whatever is lost of it", async (context) => {
  const workloads = PLANNED_WORKLOADS;
  const { found, campaign } = await launch({ seeds: PLANS, workloads });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign, "plans").split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign, "plans"), [], "a port never met one of its faults");
  assert.deepEqual(belowFloor(campaign, workloads), [], "too few operations reach their outcome");
});

test("no message leaves twice, and none is forgotten", async (context) => {
  const { found, campaign } = await launch({ seeds: MAILS, relays: true });
  if (found) assert.fail(found.text);
  context.diagnostic(`${campaign.histories} histories, ${campaign.faults} faults, no violation`);
  for (const line of table(campaign, "mail").split("\n")) context.diagnostic(line);
  assert.deepEqual(missed(campaign, "mail"), [], "a port never met one of its faults");
});

test("messages that were tampered with are refused by the checker", async () => {
  let seed = 1;
  const play = () => simulate(ownCode, seed, { relays: true, workloads: ["checkout"] });
  let { history } = await play();
  const isUseful = (): boolean =>
    history.plan.receiver === "knowing" &&
    history.mail.arrived.length > 0 &&
    !history.facts.some(({ type }) => type === "failed-over");
  for (; !isUseful(); seed += 1) ({ history } = await play());
  assert.deepEqual(checkMail(history), []);
  const { arrived, kept } = history.mail;
  const stays = kept.map((one) => ({ ...one, state: "waiting" as const }));
  for (const mail of [
    { kept, arrived: [] },
    { kept, arrived: arrived.flatMap((one) => [one, one]) },
    { kept: [], arrived },
    { kept: stays, arrived },
  ])
    assert.notDeepEqual(checkMail({ ...history, mail }), []);
});

test("what a failover forgets is done again, and nothing that it leaves is done twice", async (context) => {
  const { found, campaign } = await launch({ seeds: FAILOVERS, failover: true });
  if (found) assert.fail(found.text);
  const failovers = campaign.met.get("store failover") ?? 0;
  context.diagnostic(`${campaign.histories} histories, ${failovers} failovers, no violation`);
  assert.ok(failovers > FAILOVERS / 4, "too few stores failed over");
  assert.deepEqual(belowFloor(campaign), [], "too few operations reach their outcome");
});

test("a seed repeats itself, and nothing waits outside of the scheduler", async () => {
  for (let seed = 1; seed <= REPEATED; seed += 1) {
    const { history: first } = await simulate(ownCode, seed, { strict: true });
    const { history: second } = await simulate(ownCode, seed);
    assert.equal(digestOf(first), digestOf(second), `seed ${seed} differs from itself`);
    assert.deepEqual(check(first), [], `seed ${seed}`);
  }
});

test("a seed with events repeats itself too", async () => {
  const workloads = WEBHOOK_WORKLOADS;
  for (let seed = 1; seed <= REPEATED / 3; seed += 1) {
    const { history: first } = await simulate(ownCode, seed, { strict: true, workloads });
    const { history: second } = await simulate(ownCode, seed, { workloads });
    assert.equal(digestOf(first), digestOf(second), `seed ${seed} differs from itself`);
    assert.deepEqual(check(first), [], `seed ${seed}`);
  }
});

test("two seeds are two histories", async () => {
  const digests = new Set<string>();
  for (let seed = 1; seed <= 50; seed += 1)
    digests.add(digestOf((await simulate(ownCode, seed)).history));
  assert.equal(digests.size, 50);
});

test("a history that was tampered with is refused by the checker", async () => {
  const isCheckout = ({ workload }: { workload: string }): boolean => workload === "checkout";
  let seed = 1;
  while (!drawPlan(seed).operations.every(isCheckout)) seed += 1;
  const { history } = await simulate(ownCode, seed);
  assert.deepEqual(check(history), []);
  const twice = { ...history, charges: history.charges.flatMap((charge) => [charge, charge]) };
  const unpaid = { ...history, charges: [], orders: [] };
  const unanswered = { ...history, last: history.last.map(() => "in-progress") };
  for (const wrong of [twice, unpaid, unanswered]) assert.notDeepEqual(check(wrong), []);
});

test("events that were tampered with are refused by the checker", async () => {
  const { history } = await simulate(ownCode, 1, { workloads: ["webhook-keyed"] });
  const { events, remains } = history;
  assert.deepEqual(check(history), []);
  assert.ok(events.sent.length > 0 && events.handled.length > 0);
  const doubtful = remains.map(({ record, ...rest }) => ({
    ...rest,
    record: record && { ...record, state: "in_doubt" as const },
  }));
  const unheard = events.sent.map((one) => ({ ...one, acknowledged: 0 }));
  for (const wrong of [
    { ...history, events: { ...events, handled: [] } },
    { ...history, events: { ...events, handled: events.handled.flatMap((one) => [one, one]) } },
    { ...history, events: { ...events, handled: [...events.handled, { key: "nobody's" }] } },
    { ...history, events: { ...events, kept: [] } },
    { ...history, events: { ...events, sent: unheard } },
    { ...history, remains: doubtful },
    { ...history, charges: history.charges.slice(1) },
  ])
    assert.notDeepEqual(checkEvents(wrong), []);
});

test("the fast copy is the copy that the store would have made", () => {
  const bytes = Buffer.from("abc");
  const value = {
    a: [1, null, undefined, "x"],
    b: { bytes, on: true },
    c: new Map([[1, { d: 2 }]]),
  };
  const copy = copyOf(value);
  assert.deepEqual(copy, structuredClone(value));
  assert.equal(Object.getPrototypeOf(copy.b.bytes), Uint8Array.prototype);
  bytes[0] = 0;
  assert.equal(copy.b.bytes[0], 97);
  assert.throws(() => copyOf({ f: () => 1 }), { name: "DataCloneError" });
});
