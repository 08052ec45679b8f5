import { MESSAGE_STATES } from "../../src/model/message.ts";
import type { MessageEnd, MessageFilter } from "../../src/store/outbox.ts";
import { numberOf } from "./inbox-calls.ts";
import { type Draw, type Kind, kind, span, TICK_MS, type World } from "./world.ts";

const TOPICS = ["receipt", "mail"] as const;

function drawEnd(chance: Draw): MessageEnd {
  return chance.pick([
    { kind: "sent" },
    { kind: "sent", reference: "mail_1" },
    { kind: "waiting", dueInMs: chance.pick([0, span(1)]), doubted: true, error: "Cut off." },
    { kind: "waiting", dueInMs: chance.pick([0, span(3)]), doubted: false, error: "Not \0 there." },
    { kind: "in_doubt", error: "Nobody knows." },
    { kind: "dead", error: "Refused." },
  ]);
}

function drawFilter(chance: Draw) {
  return {
    ...(chance.hit(0.3) ? { seen: [chance.below(10), chance.below(10)] } : {}),
    ...(chance.hit(0.3) ? { topic: chance.pick(TOPICS) } : {}),
    ...(chance.hit(0.4) ? { state: chance.pick(MESSAGE_STATES) } : {}),
    ...{ limit: chance.pick([1, 3, 20]), last: chance.hit(0.2) ? chance.below(10) : undefined },
  };
}

function filterOf(world: World, drawn: ReturnType<typeof drawFilter>): MessageFilter {
  const { seen, last, ...rest } = drawn;
  const numbers = seen?.map((place) => numberOf(world, "messages", place));
  return {
    ...rest,
    ...(numbers === undefined ? {} : { numbers }),
    ...(last === undefined ? {} : { after: numberOf(world, "messages", last) }),
  };
}

export const OUTBOX_CALLS: readonly Kind[] = [
  kind(
    "outbox.claim",
    6,
    (chance) => ({
      topics: TOPICS.filter(() => chance.hit(0.8)),
      ...{ leaseMs: span(chance.pick([0, 1, 3])), limit: chance.pick([1, 2, 10]) },
    }),
    async (world, request) => {
      const answer = await world.store.outbox.claim(request);
      if (answer.kind === "ok") world.sends.unshift(...answer.value);
      return answer;
    },
    "messages",
  ),
  kind(
    "outbox.end",
    6,
    (chance) => ({
      ...{ claim: chance.pick([0, 0, 0, 1, 2]), aside: chance.pick([0, 0, 0, 0, 1, -1]) },
      end: drawEnd(chance),
    }),
    (world, { claim, aside, end }) => {
      const { number, fence } = world.sends[claim] ?? { number: 999_999, fence: 1 };
      return world.store.outbox.end({ number, fence: fence + aside }, end);
    },
    "messages",
  ),
  kind(
    "outbox.list",
    2,
    drawFilter,
    (world, filter) => world.store.outbox.list(filterOf(world, filter)),
    "messages",
  ),
  kind(
    "outbox.settle",
    3,
    (chance) => ({
      ...{ filter: drawFilter(chance), to: chance.pick(["sent", "waiting"] as const) },
      dryRun: chance.hit(0.3),
    }),
    (world, { filter, to, dryRun }) =>
      world.store.outbox.settle({
        ...{ filter: filterOf(world, filter), to, by: "ada", reason: "Seen.", dryRun },
      }),
    "messages",
  ),
  kind(
    "outbox.prune",
    2,
    (chance) => ({
      ...{ sentMs: span(chance.pick([0, 2, 5])), limit: 100 },
      apart: chance.pick([0, 0, 0, 4, 6, -6]),
    }),
    (world, { apart, ...request }) =>
      world.store.outbox.prune({ ...request, wall: world.began + world.skew.ms + apart * TICK_MS }),
  ),
];
