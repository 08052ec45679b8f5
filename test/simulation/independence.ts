import type { Parked, Timer } from "./scheduler.ts";

/** What a step may touch besides the process that makes it. */
type Reach = "alone" | "provider" | "provider-read" | "store" | "store-read";

/** One thing that may happen, under a name that is the same however others are ordered. */
export interface Step {
  readonly name: string;
  /** The process whose memory it changes; a client is one of its own. */
  readonly actor: string;
  readonly reach: Reach;
}

const READS: ReadonlySet<string> = new Set(["read", "due"]);
/**
 * What neither changes a record nor depends on one: every process brings the same namespace, there
 * is evidence only of records that stay, and no history is as long as a retention.
 */
const ASIDE: ReadonlySet<string> = new Set(["namespace", "note", "prune"]);
const LISTS: ReadonlySet<string> = new Set(["look", "find"]);

/**
 * Whether two steps come to the same in either order, so that one order is enough.
 *
 * A step runs its own process until it waits again, and nothing else: time stands still while any
 * call is ready, and no two processes share memory. What is left is what the ports share. The store
 * and the provider share nothing, and neither do two reads. A commit happens when the callback of a
 * transaction goes on, and a late answer may make a client hear an outcome, so both count as writes
 * of the store: the checker compares the order of commits and of final answers, and nothing else of
 * two processes. That only the store makes an answer final is asserted in every history. A death
 * touches its own process and the timers of its clients.
 */
export function isIndependent(one: Step, other: Step): boolean {
  if (one.actor === other.actor) return false;
  return !clash(one.reach, other.reach) && !clash(other.reach, one.reach);
}

function clash(one: Reach, other: Reach): boolean {
  if (one === "store") return other === "store" || other === "store-read";
  return one === "provider" && (other === "provider" || other === "provider-read");
}

/** Numbers the calls and timers of each actor in the order in which it made them. */
export function stepNames(): (happening: Parked | Timer) => Step {
  const names = new Map<number, Step>();
  const made = new Map<string, number>();
  return (happening) => {
    const known = names.get(happening.order);
    if (known) return known;
    const { maker, actor, reach } = describeStep(happening);
    const number = (made.get(maker) ?? 0) + 1;
    made.set(maker, number);
    const step = { name: `${maker} ${number}`, actor, reach };
    names.set(happening.order, step);
    return step;
  };
}

/** Who does what: the name without the number. */
export function describeStep(happening: Parked | Timer): {
  readonly maker: string;
  readonly actor: string;
  readonly reach: Reach;
} {
  if (!("act" in happening)) {
    const { node, owner } = happening;
    const actor = node?.name ?? owner ?? "world";
    return { maker: `${actor} timer`, actor, reach: "alone" };
  }
  const { node, by, generation, port, method } = happening;
  const actor = by?.to.name ?? node?.name ?? "world";
  const maker = by ? `${by.name} ${port}` : `${actor}/${generation} ${port}.${method}`;
  return { maker, actor, reach: reachOf(port, method) };
}

function reachOf(port: string, method: string): Reach {
  if (port === "provider") return LISTS.has(method) ? "provider-read" : "provider";
  if (port === "client" || port === "worker") return "alone";
  if (port === "store" && ASIDE.has(method)) return "alone";
  return port === "store" && READS.has(method) ? "store-read" : "store";
}
