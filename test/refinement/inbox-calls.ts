import { EVENT_ROUTES, EVENT_STATES } from "../../src/model/event.ts";
import { recordId } from "../../src/model/key.ts";
import type { StagedMessage } from "../../src/model/message.ts";
import type { EventEnd, EventFilter, NewEvent, ObjectHolder } from "../../src/store/inbox.ts";
import { drawMessages, messagesOf } from "./operation-calls.ts";
import {
  bytes,
  type Counted,
  type Draw,
  doing,
  drawDoing,
  type Kind,
  kind,
  span,
  TICK_MS,
  type World,
} from "./world.ts";

export const SOURCES = ["stripe", "adyen"] as const;
const OBJECTS = ["o0", "o1", "o2"] as const;
/** A store may take more than one fence at once, so that the next one may have been given. */
const FUTURE = 1_000;
const OBJECTS_MAX = SOURCES.length * OBJECTS.length;
const ENDS = ["done", "superseded", "unhandled", "dead", "waiting", "waiting"] as const;

/** A number that was seen, by its place in the order of sight; one that nobody has, beyond it. */
export function numberOf(world: World, counted: Counted, seen: number): number {
  return world.numbers[counted][seen] ?? 999_999 + seen;
}

function drawEvent(chance: Draw) {
  const event = chance.below(8);
  return {
    ...{ source: chance.pick(["stripe", "stripe", "stripe", "adyen"] as const), event },
    // An event is about one object, but what strangers send may say otherwise.
    object: chance.hit(0.9) ? OBJECTS[event % 3] : chance.pick(OBJECTS),
    print: chance.pick(["same", "same", "same", "other", "unsigned"] as const),
    aliases: Array.from({ length: chance.pick([0, 0, 1, 2]) }, () => `alias_${chance.below(4)}`),
    ...(event > 5 && chance.hit(0.8) ? { change: "change" } : {}),
    route: chance.pick(EVENT_ROUTES),
    state: chance.pick(["waiting", "waiting", "waiting", "unhandled"] as const),
  };
}

type DrawnEvent = ReturnType<typeof drawEvent>;

/** What an event of an object may wait for; another object's events wait for other names. */
const nameFor = (source: string, object: string): string => `name of ${source} ${object}`;

function eventOf({ event, print, object = "o0", ...rest }: DrawnEvent): NewEvent {
  const digests = {
    same: bytes(`print ${event}`.padEnd(32)),
    other: bytes("other".padEnd(32)),
    unsigned: Uint8Array.of(0),
  };
  return {
    ...{ ...rest, object, key: `evt_${event}`, type: event % 2 === 0 ? "paid" : "refunded" },
    ...{ fingerprint: digests[print], body: bytes(`body of ${event}`) },
  };
}

function drawEnd(chance: Draw) {
  return {
    kind: chance.pick(ENDS),
    dueInMs: chance.pick([0, span(0), span(2)]),
    attempted: chance.hit(0.7),
    ...(chance.hit(0.4) ? { named: true } : {}),
    ...(chance.hit(0.4) ? { error: chance.pick(["It broke.", "Zero \0 inside."]) } : {}),
  };
}

type DrawnEnd = ReturnType<typeof drawEnd>;

function endOf(number: number, drawn: DrawnEnd, waitsFor: string): EventEnd {
  const { kind, dueInMs, attempted, named, error } = drawn;
  if (kind === "dead") return { number, kind, error: error ?? "It broke." };
  if (kind !== "waiting") return { number, kind };
  const said = error === undefined ? {} : { error };
  return {
    number,
    kind,
    dueInMs,
    attempted,
    ...(named === undefined ? {} : { waitsFor }),
    ...said,
  };
}

function drawHandling(chance: Draw) {
  return {
    // Of the claims that were answered, the newest first; now and then a fence of the future.
    ...{ claim: chance.pick([0, 0, 0, 1, 2]), aside: chance.pick([0, 0, 0, 0, FUTURE, -1]) },
    // Events by the order of sight; mostly all those of the claim.
    ends: Array.from({ length: chance.below(4) }, () => drawEnd(chance)),
    ...(chance.hit(0.15) ? { strange: chance.below(10) } : {}),
  };
}

type DrawnHandling = ReturnType<typeof drawHandling>;

const named = ({ source, object }: ObjectHolder): string => `${source} ${object}`;

interface Claimed extends ObjectHolder {
  /** The skew from which on the claim has lapsed, in milliseconds. */
  readonly until: number;
  /** Another claim has looked at the lapsed one, and may have given its object back. */
  looked: boolean;
  readonly events: readonly { readonly number: number }[];
}

const NOBODY: Claimed = {
  source: "stripe",
  object: "o0",
  fence: 0,
  until: 0,
  looked: false,
  events: [],
};

function holderOf(world: World, { claim, aside }: DrawnHandling): ObjectHolder {
  const { source, object, fence } = world.objects[claim] ?? NOBODY;
  return { source, object, fence: fence + aside };
}

function endsOf(world: World, { claim, ends, strange }: DrawnHandling): EventEnd[] {
  const { source, object, events } = (world.objects[claim] as Claimed | undefined) ?? NOBODY;
  return ends.flatMap((end, index) => {
    const number =
      index === 0 && strange !== undefined
        ? numberOf(world, "events", strange)
        : events[index]?.number;
    return number === undefined ? [] : [endOf(number, end, nameFor(source, object))];
  });
}

function drawWork(chance: Draw) {
  return {
    ...(chance.hit(0.5) ? { state: `state ${chance.below(4)}` } : {}),
    ...{ messages: drawMessages(chance), keeps: chance.hit(0.4), doing: drawDoing(chance) },
  };
}

function workOf(ends: readonly EventEnd[], drawn: ReturnType<typeof drawWork>) {
  const origin = recordId("own", "inbox", "handler");
  const messages: StagedMessage[] = messagesOf(drawn.messages).map((one) => ({ ...one, origin }));
  const { state, keeps } = drawn;
  return { ends, state, messages, keeps, value: 1 };
}

function drawFilter(chance: Draw) {
  return {
    ...(chance.hit(0.3) ? { seen: [chance.below(10), chance.below(10)] } : {}),
    ...(chance.hit(0.3) ? { source: chance.pick(SOURCES) } : {}),
    ...(chance.hit(0.3) ? { state: chance.pick(EVENT_STATES) } : {}),
    ...(chance.hit(0.3) ? { type: chance.pick(["paid", "refunded"]) } : {}),
    ...(chance.hit(0.3) ? { object: chance.pick(OBJECTS) } : {}),
    ...{ limit: chance.pick([1, 3, 20]), last: chance.hit(0.2) ? chance.below(10) : undefined },
  };
}

function filterOf(world: World, drawn: ReturnType<typeof drawFilter>): EventFilter {
  const { seen, last, ...rest } = drawn;
  const numbers = seen?.map((place) => numberOf(world, "events", place));
  return {
    ...rest,
    ...(numbers === undefined ? {} : { numbers }),
    ...(last === undefined ? {} : { after: numberOf(world, "events", last) }),
  };
}

const taking: readonly Kind[] = [
  kind(
    "inbox.accept",
    9,
    (chance) => ({
      events: Array.from({ length: chance.pick([1, 1, 1, 2, 3]) }, () => drawEvent(chance)),
      ...(chance.hit(0.2)
        ? { cursor: { from: chance.pick(["", "1", "2"]), to: chance.pick(["1", "2"]) } }
        : {}),
    }),
    (world, { events, cursor }) =>
      world.store.inbox.accept({
        events: events.map(eventOf),
        ...(cursor === undefined
          ? {}
          : { cursor: { source: "stripe", from: cursor.from || undefined, to: cursor.to } }),
      }),
    "events",
  ),
  kind(
    "inbox.acceptHandled",
    4,
    (chance) => ({ event: drawEvent(chance), end: drawEnd(chance), work: drawWork(chance) }),
    (world, { event, end, work }) =>
      // What comes is superseded by its change or handled; nobody hands in an unhandled one.
      world.store.inbox.acceptHandled(eventOf({ ...event, state: "waiting" }), (tx, taken) => {
        const waitsFor = nameFor(event.source, event.object ?? "o0");
        return doing(world, tx, work.doing, workOf([endOf(taken.number, end, waitsFor)], work));
      }),
    "events",
  ),
  kind(
    "inbox.claim",
    8,
    (chance) => ({
      sources: SOURCES.filter(() => chance.hit(0.8)),
      leaseMs: span(chance.pick([0, 1, 2, 4])),
      eventsMax: chance.pick([1, 2, 5]),
    }),
    async (world, request) => {
      // All of them, in an order of our own: an object may count as due before its events are.
      const answer = await world.store.inbox.claim({ ...request, limit: OBJECTS_MAX });
      if (answer.kind !== "ok") return answer;
      const claimed = answer.value.toSorted((a, b) => (named(a) < named(b) ? -1 : 1));
      const { skew, objects } = world;
      for (const known of objects as Claimed[])
        known.looked ||=
          known.until <= skew.ms && request.sources.some((one) => one === known.source);
      const until = skew.ms + request.leaseMs;
      objects.unshift(...claimed.map((one) => ({ ...one, until, looked: false })));
      return { ...answer, value: claimed };
    },
    "events",
  ),
];

/**
 * A claim that finds a lapsed one without an event that is due may give its object back, or leave
 * it to its late holder; whether he still commits is nobody's promise.
 */
function isOpen(world: World, { claim }: DrawnHandling): boolean {
  const known = world.objects[claim] as Claimed | undefined;
  if (known?.looked !== true) return false;
  return !world.objects.slice(0, claim).some((newer) => named(newer) === named(known));
}

const ending: readonly Kind[] = [
  kind(
    "inbox.handle",
    7,
    (chance) => ({ handling: drawHandling(chance), work: drawWork(chance) }),
    async (world, { handling, work }) => {
      if (isOpen(world, handling)) return undefined;
      return world.store.inbox.handle(holderOf(world, handling), (tx) =>
        doing(world, tx, work.doing, workOf(endsOf(world, handling), work)),
      );
    },
    "events",
  ),
  kind(
    "inbox.release",
    5,
    drawHandling,
    async (world, handling) => {
      if (isOpen(world, handling)) return undefined;
      return world.store.inbox.release(holderOf(world, handling), endsOf(world, handling));
    },
    "events",
  ),
];

const keeping: readonly Kind[] = [
  kind(
    "inbox.arrive",
    2,
    (chance) => ({ source: chance.pick(SOURCES), object: chance.pick(OBJECTS) }),
    (world, { source, object }) => world.store.inbox.arrive(nameFor(source, object)),
  ),
  kind("inbox.list", 2, drawFilter, listed, "events"),
  kind(
    "inbox.redeliver",
    3,
    (chance) => ({
      filter: drawFilter(chance),
      dryRun: chance.hit(0.3),
    }),
    (world, { filter, dryRun }) =>
      world.store.inbox.redeliver({
        ...{ filter: filterOf(world, filter), by: "ada", reason: "Again.", dryRun },
      }),
    "events",
  ),
  kind(
    "inbox.prune",
    3,
    (chance) => ({
      ...{ bodyMs: span(chance.pick([0, 2, 5])), keyMs: span(chance.pick([0, 4, 9])) },
      ...{ limit: 100, apart: chance.pick([0, 0, 0, 4, 6, -6]) },
    }),
    (world, { apart, ...request }) =>
      world.store.inbox.prune({ ...request, wall: world.began + world.skew.ms + apart * TICK_MS }),
  ),
];

function listed(world: World, filter: ReturnType<typeof drawFilter>) {
  return world.store.inbox.list(filterOf(world, filter));
}

export const INBOX_CALLS: readonly Kind[] = [...taking, ...ending, ...keeping];
