import { DOUBTS, FORMS } from "../../src/model/operation.ts";
import type { ClaimRequest, Message, Settlement, Suspension } from "../../src/store.ts";
import {
  type Aside,
  bytes,
  type Draw,
  doing,
  drawDoing,
  holderOf,
  type Kind,
  keyOf,
  kind,
  planning,
  snapshotOf,
  span,
  TICK_MS,
  type World,
} from "./world.ts";

const NAMES = ["checkout", "refund"] as const;
const STATES = ["running", "waiting", "in_doubt", "succeeded", "failed"] as const;

export const drawPlace = (chance: Draw): number => chance.below(3);

/** Mostly the right fence. */
const ASIDES: readonly Aside[] = [
  ...[{}, {}, {}, {}, {}, { steps: 0 }, { steps: 0 }, { fence: -1 }, { fence: 1 }],
  ...[{ isForgotten: true } as const, { steps: 1 }],
];
export const drawAside = (chance: Draw): Aside => chance.pick(ASIDES);

function drawLease(chance: Draw) {
  return {
    leaseMs: span(chance.pick([0, 1, 2, 4, 6])),
    runForMs: span(chance.pick([1, 3, 8, 8, 20])),
  };
}

export function drawMessages(chance: Draw): readonly Omit<Message, "payload">[] {
  return Array.from({ length: chance.pick([0, 0, 1, 1, 2]) }, () => ({
    topic: chance.pick(["receipt", "mail"]),
    key: `m${chance.below(14)}`,
    ...(chance.hit(0.5) ? { aggregate: `a${chance.below(2)}` } : {}),
  }));
}

export function messagesOf(messages: readonly Omit<Message, "payload">[]): Message[] {
  return messages.map((message) => ({ ...message, payload: bytes(`of ${message.key}`) }));
}

function drawClaim(chance: Draw, forms: readonly ClaimRequest["form"][]) {
  return {
    place: drawPlace(chance),
    name: chance.pick(NAMES),
    version: chance.pick([1, 1, 2]),
    form: chance.pick(forms),
    input: `input ${chance.below(3)}`,
    attempt: chance.below(1_000),
    ...drawLease(chance),
    // Before now, in ticks: inside of the horizon, before it or after it.
    ...(chance.hit(0.15) ? { keyAge: chance.pick([0, 3, 9, -9]) } : {}),
  };
}

type DrawnClaim = ReturnType<typeof drawClaim>;

function claimOf(world: World, drawn: DrawnClaim): ClaimRequest {
  const { place, name, version, form, input, attempt, leaseMs, runForMs, keyAge } = drawn;
  const keyTime = world.began + world.skew.ms - (keyAge ?? 0) * TICK_MS;
  return {
    ...keyOf(place),
    ...{ attemptId: `attempt-${attempt}`, name, version, form, leaseMs, runForMs },
    ...{ fingerprint: bytes(input.padEnd(32, ".")), recipe: `[1,"${name}"]`, input: bytes(input) },
    ...(keyAge === undefined ? {} : { horizon: { keyTime, pastMs: span(5), futureMs: span(5) } }),
  };
}

function drawSettlement(chance: Draw) {
  return {
    kind: chance.pick(["succeeded", "succeeded", "failed"] as const),
    status: chance.pick([200, 201, 402]),
    body: `body ${chance.below(5)}`,
    keepResponse: chance.hit(0.8),
    headers: chance.hit(0.5) ? ([["content-type", "text/plain"]] as const) : [],
    ...(chance.hit(0.3) ? { reference: "order_1" } : {}),
    messages: drawMessages(chance),
  };
}

function settlementOf(drawn: ReturnType<typeof drawSettlement>): Settlement {
  const { kind, status, headers, reference, keepResponse, messages } = drawn;
  const said = { kind, status, headers, body: bytes(drawn.body) };
  return {
    outcome: reference === undefined ? said : { ...said, reference },
    ...{ keepResponse, messages: messagesOf(messages) },
  };
}

function drawSuspension(chance: Draw): Suspension {
  const state = chance.pick(["waiting", "in_doubt"] as const);
  const dueInMs = chance.pick([0, span(0), span(1), span(3)]);
  return {
    state,
    // What waits has a time; only a doubt may have none.
    dueInMs: state === "in_doubt" && chance.hit(0.4) ? undefined : dueInMs,
    countAttempt: chance.hit(0.6),
    ...(state === "in_doubt" ? { doubt: chance.pick(DOUBTS) } : {}),
    ...(chance.hit(0.4) ? { error: chance.pick(["It broke.", "Zero \0 inside.", ""]) } : {}),
  };
}

const drawHolder = (chance: Draw) => ({ place: drawPlace(chance), aside: drawAside(chance) });

const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : 1;

const claiming: readonly Kind[] = [
  kind(
    "claim",
    8,
    (chance) => drawClaim(chance, FORMS),
    (world, drawn) => world.store.claim(claimOf(world, drawn)),
  ),
  kind(
    "atomic",
    3,
    (chance) => ({
      claim: drawClaim(chance, ["atomic"]),
      settlement: drawSettlement(chance),
      doing: drawDoing(chance),
    }),
    (world, { claim, settlement, doing: done }) =>
      world.store.atomic(claimOf(world, claim), (tx) =>
        doing(world, tx, done, { settlement: settlementOf(settlement), value: claim.attempt }),
      ),
  ),
  kind(
    "plan",
    3,
    (chance) => ({
      claim: drawClaim(chance, ["atomic"]),
      settlement: drawSettlement(chance),
      rows: Array.from({ length: chance.below(3) }, () => `row_${chance.below(12)}`),
    }),
    (world, { claim, settlement, rows }) =>
      planning(world, claimOf(world, claim), rows, settlementOf(settlement)),
  ),
  kind(
    "takeOver",
    8,
    (chance) => ({
      ...{ ...drawHolder(chance), ...drawLease(chance) },
      attempt: chance.below(1_000),
    }),
    async (world, { place, aside, attempt, leaseMs, runForMs }) => {
      const holder = await holderOf(world, place, aside);
      return world.store.takeOver({
        ...{ id: holder.id, fence: holder.fence },
        ...{ attemptId: `attempt-${attempt}`, leaseMs, runForMs },
      });
    },
  ),
  kind(
    "renew",
    3,
    (chance) => ({ ...drawHolder(chance), leaseMs: span(chance.pick([0, 2, 9])) }),
    async (world, { place, aside, leaseMs }) =>
      world.store.renew(await holderOf(world, place, aside), leaseMs),
  ),
];

const ending: readonly Kind[] = [
  kind(
    "settle",
    5,
    (chance) => ({ ...drawHolder(chance), settlement: drawSettlement(chance) }),
    async (world, { place, aside, settlement }) =>
      world.store.settle(await holderOf(world, place, aside), settlementOf(settlement)),
  ),
  kind(
    "suspend",
    5,
    (chance) => ({ ...drawHolder(chance), suspension: drawSuspension(chance) }),
    async (world, { place, aside, suspension }) =>
      world.store.suspend(await holderOf(world, place, aside), suspension),
  ),
  kind(
    "transact",
    4,
    (chance) => ({
      ...{ ...drawHolder(chance), settlement: drawSettlement(chance), doing: drawDoing(chance) },
    }),
    async (world, { place, aside, settlement, doing: done }) =>
      world.store.transact(await holderOf(world, place, aside), (tx) => {
        const write = { kind: "settle", settlement: settlementOf(settlement) } as const;
        return doing(world, tx, done, { write, value: settlement.body });
      }),
  ),
];

const reading: readonly Kind[] = [
  kind(
    "due",
    2,
    (chance) => ({
      definitions: NAMES.flatMap((name) => [1, 2].map((version) => ({ name, version }))).filter(
        () => chance.hit(0.7),
      ),
    }),
    async (world, request) => {
      // All of them, in an order of our own: who notices a death counts from the missed heartbeat.
      const answer = await world.store.due({ ...request, limit: 10 });
      if (answer.kind !== "ok") return answer;
      return { ...answer, value: answer.value.toSorted((a, b) => byId(a.record, b.record)) };
    },
  ),
  kind(
    "list",
    2,
    (chance) => ({
      ...(chance.hit(0.4) ? { state: chance.pick(STATES) } : {}),
      ...(chance.hit(0.4) ? { name: chance.pick(NAMES) } : {}),
      ...(chance.hit(0.4) ? { scope: chance.pick(["acct_1", "acct_2", "acct_3"]) } : {}),
      ...{ limit: chance.pick([1, 2, 10]), after: chance.hit(0.4) ? drawPlace(chance) : undefined },
    }),
    async (world, { after, ...filter }) => {
      if (after === undefined) return world.store.list(filter);
      const record = (await snapshotOf(world, after))?.record;
      if (record === undefined) return world.store.list(filter);
      const { createdAt, id } = record;
      return world.store.list({ ...filter, after: { createdAt, id } });
    },
  ),
  kind(
    "prune",
    3,
    (chance) => ({
      responseMs: span(chance.pick([0, 2, 6])),
      ...(chance.hit(0.6) ? { tombstoneMs: span(chance.pick([0, 3, 8])) } : {}),
      // Everything: which of them go first is nobody's promise.
      ...{ limit: 100, apart: chance.pick([0, 0, 0, 4, 6, -6]) },
    }),
    (world, { apart, ...request }) =>
      world.store.prune({ ...request, wall: world.began + world.skew.ms + apart * TICK_MS }),
  ),
  kind(
    "namespace",
    1,
    (chance) => ({ name: chance.pick(["shop", "shop-test"]) }),
    (world, { name }) => world.store.namespace(name),
  ),
];

export const OPERATION_CALLS: readonly Kind[] = [...claiming, ...ending, ...reading];
