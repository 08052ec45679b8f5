import type { Parked, Timer } from "./scheduler.ts";

/** What a step may touch besides the process that makes it. */
type Reach = "alone" | "provider" | "provider-read" | "store" | "store-read";

/** One thing that may happen, under a name that is the same however others are ordered. */
export interface Step {
  readonly name: string;
  /** The process whose memory it changes; a client is one of its own. */
  readonly actor: string;
  readonly reach: Reach;
  /** What it would reach if nothing were settled. */
  readonly kind: Reach;
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

/**
 * Numbers the calls and timers of each actor in the order in which it made them.
 *
 * @param now what is known of the one operation
 */
export function stepNames(): (happening: Parked | Timer, now: Standing) => Step {
  const names = new Map<number, string>();
  const made = new Map<string, number>();
  return (happening, now) => {
    const { maker, actor, reach } = describeStep(happening);
    let name = names.get(happening.order);
    if (name === undefined) {
      const number = (made.get(maker) ?? 0) + 1;
      made.set(maker, number);
      name = `${maker} ${number}`;
      names.set(happening.order, name);
    }
    return { name, actor, kind: reach, reach: reachNow(happening, reach, now) };
  };
}

/** What every further call of the store is judged by: neither ever goes back. */
export interface Standing {
  readonly fence: number;
  readonly final: boolean;
}

/**
 * What a call of the store touches, once it is known how the operation stands. A final record never
 * changes, so that all calls only read the same. A write under an older fence is stale for ever,
 * and so is a take-over of it. A claim of a record that is there only reads it. All three are the
 * contract's, and a history that shows otherwise is a broken one.
 */
function reachNow(happening: Parked | Timer, reach: Reach, { fence, final }: Standing): Reach {
  if (!("act" in happening) || happening.port !== "store") return reach;
  if (final || (happening.fence !== undefined && happening.fence < fence)) return "alone";
  return happening.method === "claim" && fence > 0 ? "store-read" : reach;
}

/**
 * The steps among which it is enough to choose: those of one process, if none of them touches
 * anything beside it. What others do meanwhile comes to the same after them. Others give it nothing
 * to do at this instant but by the timer of a client, which touches nobody and so comes first.
 */
export function enough(
  steps: readonly Step[],
  isForeign: (step: Step) => boolean,
): readonly Step[] {
  const foreign = steps.find(isForeign);
  if (foreign) return [foreign];
  for (const { actor } of steps) {
    const own = steps.filter((step) => step.actor === actor);
    if (own.every(({ reach }) => reach === "alone")) return own;
  }
  return steps;
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
