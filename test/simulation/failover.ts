import type { Answered, Fact } from "./history.ts";
import type { World } from "./world.ts";

/** How often the copy that will be promoted has everything, at a step. */
const CAUGHT_UP = 0.08;
/** How long a process cannot reach the new primary, in milliseconds. */
const OUT_MS = [0, 0, 30, 400] as const;

/**
 * Lets the store go back to what its copy had at times: later commits are lost, transactions under
 * way are rolled back, and connections break.
 */
export function failOver(world: World): Promise<void> | undefined {
  const { plan, chance, scheduler, raw } = world;
  if (plan.rates.failover === 0) return undefined;
  if (world.back === undefined || chance.hit(CAUGHT_UP)) world.back = raw.checkpoint();
  if (!scheduler.strikes("failover", "store")) return undefined;
  scheduler.note(() => "the store fails over, and forgets what was committed last");
  world.back();
  world.era += 1;
  const now = scheduler.now();
  for (const { node } of world.processes) node.outUntil = now + chance.pick(OUT_MS);
  return tell(world);
}

/** What is left of each operation. */
async function tell({ raw, ids, scheduler, facts }: World): Promise<void> {
  const at = scheduler.now();
  facts.push({ type: "failed-over", at });
  for (const id of ids) {
    const read = await raw.read(id);
    if (read.kind !== "ok") throw new Error("Memory cannot be read.");
    const { fence = 0, state, leaseUntil = 0, runUntil = 0 } = read.value?.record ?? {};
    facts.push({ type: "restored", at, id, fence, state, leaseUntil, runUntil });
  }
}

/**
 * The answers of the history that the store remembers: who asked before it failed over, or waits in
 * a process with one who did, may be told of the other history.
 */
export function answersSinceFailover(facts: readonly Fact[]): Answered[] {
  const all = facts.filter((fact) => fact.type === "answered");
  const last = facts.findLastIndex(({ type }) => type === "failed-over");
  if (last < 0) return all;
  const [before, since] = [facts.slice(0, last), facts.slice(last + 1)].map((part) =>
    part.filter((fact) => fact.type === "called"),
  );
  const answered = new Set(
    all.filter((fact) => facts.indexOf(fact) < last).map(({ call }) => call),
  );
  const waiting = new Set(before?.filter(({ call }) => !answered.has(call)).map(({ to }) => to));
  const calls = new Set(since?.filter(({ to }) => !waiting.has(to)).map(({ call }) => call));
  return all.filter(({ call }) => calls.has(call));
}
