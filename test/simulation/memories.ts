import { isEarly } from "./checker.ts";
import { createErrands, digestOfErrand, isFirst } from "./errands.ts";
import type { Fact, Order } from "./history.ts";
import { describeStep } from "./independence.ts";
import { digestOf, digestOfAll } from "./knowledge.ts";
import type { Fault } from "./plan.ts";
import type { Node, Parked, Timer } from "./scheduler.ts";
import type { World } from "./world.ts";

/**
 * What each process knows, so that two ways to the same situation are told to be the same.
 *
 * A process remembers what its errands do. An errand for which nothing waits, neither a call nor a
 * timer, is forgotten but for two things: that the namespace was asserted, and the claims whose
 * callers had to be told that the store cannot be reached, which a later request of the process
 * may take up. An answer that comes after its deadline tells nobody anything. Names that are drawn,
 * such as the ids of attempts, may differ between situations taken for one, and so may the jitter
 * of pauses.
 */
export interface Memories {
  /** The step that is made now. */
  begin(happening: Parked | Timer, now: number): void;
  /** A call or a timer of the step under way. */
  makes(happening: Parked | Timer, now: number): void;
  /** The step under way meets a fault. */
  strikes(call: Parked, fault: Fault): void;
  /** What the step under way drew. */
  draws(what: unknown): void;
  hears(node: Node, what: unknown): void;
  /** Lets the errands be forgotten for which nothing waits any more. */
  rest(world: World): void;
  digest(world: World): Promise<string>;
  /** What waits, without the name that tells in which order it was made. */
  describe(happening: Parked | Timer): string;
}

const UNREACHABLE: ReadonlySet<string> = new Set(["store-unavailable", "in-doubt"]);

export function createMemories(): Memories {
  const errands = createErrands();
  const asserted = new Set<string>();
  let now = 0;

  function describe(happening: Parked | Timer): string {
    const isCall = "act" in happening;
    const until = isCall ? happening.heldUntil : happening.at;
    const place = isCall && happening.by ? nameOf(happening.by.to) : "";
    const { errand, said, deadlineOf } = errands.waitOf(happening) ?? {};
    return JSON.stringify([
      ...[describeStep(happening).maker, place, Math.max(until, now), digestOfAll(said)],
      ...[digestOfErrand(errand), errands.isLate(happening), deadlineOf === undefined],
    ]);
  }

  function waiting(world: World): unknown {
    const { calls, timers } = world.scheduler.pending();
    const nodes = world.processes.map(({ node }) => {
      const name = nameOf(node);
      return [name, asserted.has(name), Math.max(node.heldUntil, now), errands.digestOf(name)];
    });
    const steps = [...calls, ...timers].map(describe).sort();
    return [nodes, steps, world.clients.map((client) => client.intent())];
  }

  return {
    describe,
    makes: errands.makes,
    strikes: errands.strikes,
    draws: errands.draws,
    begin(happening, at) {
      const first = "act" in happening && isFirst(happening);
      errands.begin(happening, at, first ? ownerOf(happening) : undefined);
    },
    hears(_, what) {
      const { owner, call } = errands.hears(what) ?? {};
      if (owner !== undefined && call?.method === "namespace" && isOk(what)) asserted.add(owner);
    },
    rest(world) {
      now = world.scheduler.now();
      const { calls, timers } = world.scheduler.pending();
      const unreachable = world.facts.some(
        (fact) => fact.type === "answered" && UNREACHABLE.has(fact.told.kind),
      );
      errands.rest([...calls, ...timers], unreachable);
    },
    async digest(world) {
      return digestOf([now, waiting(world), await shared(world), seenOf(world.facts)]);
    },
  };
}

function isOk(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "kind" in answer && answer.kind === "ok";
}

function nameOf({ name, generation }: Pick<Node, "name" | "generation">): string {
  return `${name}/${generation}`;
}

/** The process that a client asks, or whose worker passes. */
function ownerOf({ node, by, generation }: Parked): string {
  if (node) return nameOf({ name: node.name, generation });
  return by ? nameOf(by.to) : "";
}

/** All that processes share. */
async function shared({ raw, charges, excused, broken, ids }: World): Promise<unknown> {
  const records = [];
  for (const id of ids) {
    for (const read of [raw.read(id), raw.messages(id), raw.evidence(id)]) {
      const answer = await read;
      records.push(answer.kind === "ok" ? answer.value : answer.kind);
    }
  }
  return [records, raw.table<Order>("orders").values(), charges, [...excused], broken];
}

/** What the checker may still look at: writes in their order, and answers in any. */
function seenOf(facts: readonly Fact[]): unknown {
  const writes = facts.filter(({ type }) => WRITES.has(type));
  const told = facts.flatMap((fact) =>
    fact.type === "answered" ? `${fact.told.kind} ${fact.told.status} ${fact.told.body}` : [],
  );
  const ran = facts.flatMap((fact) => (fact.type === "ran" ? fact.variant : []));
  return [writes, [...new Set(told)].sort(), [...new Set(ran)].sort(), isEarly(facts)];
}

const WRITES: ReadonlySet<string> = new Set(["claimed", "wrote", "renewed", "reopened"]);
