import { unfinished } from "../../src/model/step.ts";
import { type Chance, createChance } from "./chance.ts";
import { startClient } from "./clients.ts";
import type { Code } from "./code.ts";
import { copyOf } from "./copy.ts";
import { type Driver, swarmDriver } from "./driver.ts";
import { failOver } from "./failover.ts";
import type { History, Order } from "./history.ts";
import { type Aim, drawPlan, type Plan, type PlannedOperation } from "./plan.ts";
import { priorityDriver } from "./priority.ts";
import { keptEvents, keptMessages, openTimes, records, remains } from "./rest.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { isForgetful, KEPT_FOR_MS } from "./vendors.ts";
import { type Handled, hearsEvents } from "./webhook.ts";
import { createWorld, endDeployment, type Process, type World } from "./world.ts";

/** A history that does not end within this many steps after its faults have stopped hangs. */
const HEALING_STEPS_MAX = 4_000;
const PASSES_MAX = 60;
const LAST_RETRIES_MAX = 12;

export const DRIVERS = ["swarm", "priority"] as const;
export type DriverName = (typeof DRIVERS)[number];

export interface SimulateOptions extends Aim {
  /** The ordinals of faults that must not happen. */
  readonly skip?: ReadonlySet<number>;
  /** Who chooses what happens next; half of the seeds are run by each by default. */
  readonly driver?: DriverName | undefined;
  /** Also waits for a turn of the event loop at the end, to catch what leaves the scheduler. */
  readonly strict?: boolean;
}

export interface Simulated {
  readonly history: History;
  readonly met: ReadonlyMap<string, number>;
}

/** Runs one seed to its end. */
export function simulate(
  code: Code,
  seed: number,
  options: SimulateOptions = {},
): Promise<Simulated> {
  const plan = drawPlan(seed, options);
  const chance = createChance(seed, "run");
  const swarm = swarmDriver(plan, chance, options.skip);
  const ordered = (options.driver ?? driverOf(seed)) === "priority";
  const driver = ordered ? priorityDriver(swarm, createChance(seed, "order")) : swarm;
  return play(code, { plan, chance, driver, disturb }, { seed, strict: options.strict === true });
}

/** The driver of a seed that nobody chose one for. */
function driverOf(seed: number): DriverName {
  return seed % 2 === 0 ? "priority" : "swarm";
}

/** All that decides one history. */
export interface Game {
  readonly plan: Plan;
  readonly chance: Chance;
  readonly driver: Driver;
  /** What happens beside the operations, before each step. */
  readonly disturb: (world: World) => Promise<void> | undefined;
}

/** Plays a history: faults first, then a healed world in which everything must finish. */
export async function play(
  code: Code,
  { plan, chance, driver, disturb }: Game,
  { seed, strict }: { readonly seed: number; readonly strict: boolean },
): Promise<Simulated> {
  const scheduler = createScheduler(driver);
  const leaks: string[] = [];
  const restore = poison(leaks);
  try {
    const world = createWorld(code, plan, chance, scheduler);
    await scheduler.drain();
    await scheduler.run(plan.steps, () => disturb(world));
    scheduler.note(() => "the faults stop");
    scheduler.heal(world.processes.map(({ node }) => node));
    endDeployment(world);
    for (const client of world.clients) client.leave();
    await healAlone(world);
    await healWithClients(world);
    if (hearsEvents(plan) || plan.receiver) await healAlone(world);
    // An event that a failover has forgotten, and that came again, may have ended a doubt.
    if (hearsEvents(plan) && world.era > 0) await healWithClients(world);
    restore();
    if (strict) await checkLeak(world);
    world.broken.push(...leaks);
    return { history: await toHistory(world, seed, driver.faults()), met: driver.met };
  } finally {
    restore();
  }
}

/** Workers pass and clocks jump at any time, and at times the store fails over. */
function disturb(world: World): Promise<void> | undefined {
  const { plan, chance, processes, scheduler } = world;
  if (plan.calm) return undefined;
  if (chance.hit(plan.workerRate)) launchWorker(scheduler, chance.pick(processes));
  if (scheduler.strikes("skew", "clock"))
    chance.pick(processes).node.wallSkewMs = (chance.fraction() - 0.5) * 7_200_000;
  if (isForgetful(plan) && chance.hit(LULL)) sleepAll(world);
  return failOver(world);
}

/** How often every process stands still for long, where a provider forgets meanwhile. */
const LULL = 0.02;

function sleepAll({ chance, scheduler, processes }: World): void {
  const until = scheduler.now() + KEPT_FOR_MS * chance.pick([0.3, 0.9, 1, 1.1]);
  scheduler.note(() => "every process stands still for minutes");
  for (const { node } of processes) node.heldUntil = Math.max(node.heldUntil, until);
}

export function launchWorker(scheduler: Scheduler, { node, recover }: Process): void {
  const act = (): void => void recover();
  scheduler.park({ node, port: "worker", method: "pass", faults: [], act });
}

/** Lets everything that is under way come to its end. */
async function finish({ scheduler, broken }: World): Promise<void> {
  const rests = await scheduler.run(HEALING_STEPS_MAX);
  if (!rests) broken.push("something never comes to rest");
}

/** Every claimed operation ends although no client ever comes back. */
async function healAlone(world: World): Promise<void> {
  await finish(world);
  if (hearsEvents(world.plan)) {
    world.sender.sendAgain();
    await finish(world);
  }
  const toTell = world.plan.operations.some(({ workload }) => workload === "told");
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    if (toTell && pass % 2 === 1) await hearPersons(world);
    const open = await openTimes(world);
    if (open.length === 0 && (!toTell || pass % 2 === 1)) return;
    if (open.length === 0) continue;
    world.scheduler.advanceTo(Math.min(...open));
    launchWorker(world.scheduler, world.chance.pick(world.processes));
    await finish(world);
  }
  world.broken.push("an operation does not end without its client");
}

/** A person looks at the provider's ledger, once nothing is on its way any more. */
async function hearPersons(world: World): Promise<void> {
  const { raw, charges, plan, ids } = world;
  for (const [index, record] of (await records(world)).entries()) {
    const { workload, label = "" } = plan.operations[index] ?? {};
    const id = ids[index];
    if (workload !== "told" || record?.state !== "in_doubt" || record.dueAt !== undefined) continue;
    if (id === undefined) continue;
    const [open] = unfinished(record.steps);
    const evidence = { source: "person", finding: "unknown", by: "ann", detail: "seen" } as const;
    const made = charges.findIndex(({ operation }) => operation === label);
    const settled =
      made < 0
        ? ({ kind: "not-executed" } as const)
        : ({ kind: "executed", reference: String(made) } as const);
    const word = { evidence: { ...evidence, step: open?.name ?? "" } };
    const answer = await raw.reopen(id, open === undefined ? word : { ...word, settled });
    if (answer.kind === "ok" && answer.value === "reopened")
      world.facts.push({ type: "reopened", at: world.scheduler.now(), id });
  }
}

/** Last clients for each operation are answered with its outcome, or told that it is in doubt. */
async function healWithClients(world: World): Promise<void> {
  for (const operation of world.plan.operations)
    for (const variant of new Set(operation.clients.map((client) => client.variant))) {
      const planned = { variant, sends: 1, waitMs: 300, door: true };
      world.clients.push(
        startClient(world, operation, planned, {
          name: `${operation.label}#last ${variant}`,
          retriesMax: LAST_RETRIES_MAX,
        }),
      );
    }
  await finish(world);
}

/** What the last clients of an operation heard; the one whose payload owns the key counts. */
function lastWord({ clients }: World, operation: PlannedOperation): string {
  const heard = clients.filter((client) => client.operation === operation);
  const last = heard.slice(operation.clients.length).map(({ told }) => told?.kind ?? "nothing");
  return last.findLast((kind) => kind !== "key-reused") ?? "key-reused";
}

async function toHistory(world: World, seed: number, faults: number): Promise<History> {
  const { plan, facts, charges, excused, broken, scheduler, sender, raw } = world;
  return {
    ...{ seed, faults, plan, facts, charges, excused, broken, trace: scheduler.trace },
    orders: raw.table<Order>("orders").values(),
    events: {
      sent: sender.sent,
      handled: raw.table<Handled>("handled").values(),
      kept: await keptEvents(raw),
    },
    mail: { arrived: world.mails, kept: await keptMessages(raw) },
    remains: await remains(world),
    last: plan.operations.map((operation) => lastWord(world, operation)),
  };
}

async function checkLeak({ scheduler, broken }: World): Promise<void> {
  const before = scheduler.activity();
  await new Promise((resolve) => setImmediate(resolve));
  if (scheduler.activity() !== before) broken.push("something waited outside of the scheduler");
}

const TIMERS = ["setTimeout", "setInterval", "setImmediate"] as const;

/** Makes the process's own time and chance tell on whoever uses them. */
function poison(leaks: string[]): () => void {
  const { now } = Date;
  const { random } = Math;
  const timers = TIMERS.map((name) => globalThis[name]);
  const { stackTraceLimit } = Error;
  const { structuredClone } = globalThis;
  const caught = (name: string) => (): never => {
    leaks.push(`${name} was used`);
    throw new Error(`${name} was used in a simulation.`);
  };
  Date.now = caught("Date.now");
  Math.random = caught("Math.random");
  for (const name of TIMERS) globalThis[name] = caught(name) as never;
  // Nobody reads the stacks of a million lost answers.
  Error.stackTraceLimit = 0;
  globalThis.structuredClone = copyOf;
  return () => {
    Date.now = now;
    Math.random = random;
    for (const [index, name] of TIMERS.entries()) globalThis[name] = timers[index] as never;
    Error.stackTraceLimit = stackTraceLimit;
    globalThis.structuredClone = structuredClone;
  };
}
