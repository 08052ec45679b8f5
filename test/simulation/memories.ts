import { hash } from "node:crypto";
import { serialize } from "node:v8";
import { isEarly } from "./checker.ts";
import type { Fact, Order } from "./history.ts";
import { describeStep } from "./independence.ts";
import type { Node, Parked, Timer } from "./scheduler.ts";
import type { World } from "./world.ts";

/**
 * What each process knows, so that two ways to the same situation are told to be the same.
 *
 * A process is deterministic: what it knows follows from what it was given, in which order and
 * when. So a digest of that stands for its memory. A process for which nothing waits, neither a
 * call nor a timer, has forgotten all of it but two things: that it has asserted its namespace, and
 * the claims whose callers it had to tell that the store cannot be reached. Where anybody was told
 * so, nothing is forgotten any more. Names that are drawn, such as the ids of attempts, may differ
 * between situations taken for one, and so may the jitter of pauses.
 */
export interface Memories {
  /** The step that is made now. */
  begin(happening: Parked | Timer, now: number): void;
  /** What the process of the step under way drew. */
  draws(what: unknown): void;
  hears(node: Node, what: unknown): void;
  /** Lets the processes forget for which nothing waits any more. */
  rest(world: World): void;
  digest(world: World): Promise<string>;
}

/** One thing more that a process was given. It is digested when it is first asked for. */
interface Knowledge {
  readonly before: Knowledge | undefined;
  readonly now: number;
  readonly what: unknown;
  digest: string | undefined;
}

const UNREACHABLE: ReadonlySet<string> = new Set(["store-unavailable", "in-doubt"]);

export function createMemories(): Memories {
  const known = new Map<string, Knowledge>();
  const asserted = new Set<string>();
  /** What a call says follows from what its process knew when it made it. */
  const said = new Map<Parked | Timer, Knowledge | undefined>();
  let now = 0;
  let actor = "";
  let asksNamespace = false;

  function add(name: string, what: unknown): void {
    known.set(name, { before: known.get(name), now, what, digest: undefined });
  }

  function speak(happening: Parked | Timer): void {
    if (!said.has(happening)) said.set(happening, known.get(ownerOf(happening)));
  }

  function describe(happening: Parked | Timer): unknown {
    const until = "act" in happening ? happening.heldUntil : happening.at;
    return [describeStep(happening).maker, Math.max(until, now), digestOfAll(said.get(happening))];
  }

  function rest(world: World): void {
    now = world.scheduler.now();
    const { calls, timers } = world.scheduler.pending();
    for (const call of calls) speak(call);
    for (const timer of timers) speak(timer);
    const unreachable = world.facts.some(
      (fact) => fact.type === "answered" && UNREACHABLE.has(fact.told.kind),
    );
    if (unreachable) return;
    for (const { node } of world.processes) {
      const busy = calls.some((call) => call.node === node || call.by?.to === node);
      if (!busy && !timers.some((timer) => timer.node === node)) known.delete(nameOf(node));
    }
  }

  function waiting(world: World): unknown {
    const { calls, timers } = world.scheduler.pending();
    const nodes = world.processes.map(({ node }) => {
      const name = nameOf(node);
      return [
        name,
        digestOfAll(known.get(name)),
        asserted.has(name),
        Math.max(node.heldUntil, now),
      ];
    });
    const steps = [...calls, ...timers].map((one) => JSON.stringify(describe(one))).sort();
    return [nodes, steps, world.clients.map((client) => client.intent())];
  }

  return {
    begin(happening, at) {
      now = at;
      actor = ownerOf(happening);
      asksNamespace = "act" in happening && happening.method === "namespace";
      // What a call of the store comes to is all that its process learns of it.
      const silent = "act" in happening && happening.port === "store";
      if (actor !== "" && !silent) add(actor, describeStep(happening).maker);
    },
    draws: (what) => add(actor, what),
    hears(node, what) {
      const name = nameOf(node);
      add(name, [actor === name ? "" : actor, what]);
      if (asksNamespace && isOk(what)) asserted.add(name);
    },
    rest,
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

/** The process whose memory a step is made from and changes; none for a client's timer. */
function ownerOf(happening: Parked | Timer): string {
  if (!("act" in happening)) return happening.node ? nameOf(happening.node) : "";
  const { node, by, generation } = happening;
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

function digestOfAll(knowledge: Knowledge | undefined): string {
  if (knowledge === undefined) return "nothing";
  const { before, now, what } = knowledge;
  knowledge.digest ??= digestOf([digestOfAll(before), now, what]);
  return knowledge.digest;
}

function digestOf(what: unknown): string {
  return hash("sha1", serialize(what), "base64");
}
