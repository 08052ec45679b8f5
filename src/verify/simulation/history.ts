import { isFinal, type OperationRecord } from "../../model/operation.ts";
import type { Chance } from "./chance.ts";
import type { Told } from "./client.ts";
import type { FaultCounts } from "./fault.ts";
import type { Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import type { AnyRequest } from "./request.ts";
import { messagesOf, operationsOf, recordsOf, type WorldAtRest } from "./rest.ts";
import { createWorld, type Subject, type World } from "./world.ts";

/** All that was seen of one history. */
export interface History {
  readonly rest: WorldAtRest<unknown>;
  /** What the clients of each operation at rest heard, in the same order. */
  readonly heard: readonly (readonly Told[])[];
  /** What the last client of each one heard in the healed world. */
  readonly last: readonly (Told | undefined)[];
  /** Handlers that live on although nothing can happen any more. */
  readonly hanging: readonly string[];
  /** Whether it went on and on. */
  readonly endless: boolean;
  /** How often the store forgot its newest commits. */
  readonly failovers: number;
  readonly trace: readonly string[];
  readonly faults: number;
  readonly met: FaultCounts;
  readonly tape: readonly number[];
}

/** A history that does not end within so many steps after its faults have stopped is endless. */
const HEALING_STEPS_MAX = 4_000;
const PASSES_MAX = 80;
const LAST = { startMs: 0, sends: 1, waitMs: 300, retries: 12 } as const;
const SKEW_MAX_MS = 7_200_000;
/** How likely the copy has everything, at a step. */
const CAUGHT_UP = 0.08;

/** Plays a history: faults first, then a healed world in which everything must finish. */
export async function play(subject: Subject, plan: Plan, chance: Chance): Promise<History> {
  const world = createWorld(subject, plan, chance);
  const { scheduler, processes, clients } = world;
  await scheduler.drain();
  for (let step = 0; step < plan.steps; step += 1) {
    disturb(world);
    if (!(await scheduler.step())) break;
  }
  scheduler.note("from here on nothing fails");
  scheduler.heal(processes.map(({ node }) => node));
  for (const client of clients) client.leave();
  const ended = (await finish(world)) && (await healAlone(world));
  const asked = [...new Set(clients.map(({ request }) => request))];
  const before = clients.length;
  for (const request of asked) world.addClient(request, LAST);
  const rested = ended && (await finish(world));
  return toHistory(world, asked, before, !rested);
}

/** Workers pass and clocks jump at any time. */
function disturb(world: World): void {
  const { plan, chance, luck, processes } = world;
  if (plan.workerRate > 0 && chance.hit(plan.workerRate)) sendWorker(world);
  if (luck.strikes("skew"))
    chance.pick(processes).node.skewMs = (chance.fraction() - 0.5) * SKEW_MAX_MS;
  if (plan.rates.failover > 0) failOver(world);
}

/** The store goes back to what its copy has, and the copy catches up at times. */
function failOver(world: World): void {
  const { chance, luck, scheduler, raw } = world;
  if (world.back === undefined || chance.hit(CAUGHT_UP)) world.back = raw.checkpoint();
  if (!luck.strikes("failover")) return;
  scheduler.note("the store fails over, and forgets what was committed last");
  world.back();
  world.failovers += 1;
}

function sendWorker({ scheduler, chance, processes }: World): void {
  const process: Process = chance.pick(processes);
  const { node } = process;
  const act = (): void => void process.pass();
  scheduler.park({ node, place: "worker passes", faults: [], travels: false, act });
}

/** Lets everything that is under way come to its end. False if it never does. */
async function finish({ scheduler }: World): Promise<boolean> {
  for (let step = 0; step < HEALING_STEPS_MAX; step += 1)
    if (!(await scheduler.step())) return true;
  return false;
}

/** Every claimed operation ends although no client ever comes back, and every message leaves. */
async function healAlone(world: World): Promise<boolean> {
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const open = await openTimes(world);
    if (open.length === 0) return true;
    world.scheduler.advanceTo(Math.min(...open));
    sendWorker(world);
    if (!(await finish(world))) return false;
  }
  return true;
}

/** When a worker may go on with what has not ended. */
async function openTimes({ raw, topics }: World): Promise<number[]> {
  const messages = await messagesOf(raw);
  return [
    ...(await recordsOf(raw)).flatMap((record) => readyTime(record) ?? []),
    ...messages.flatMap(({ topic, dueAt }) => (topics.has(topic) ? (dueAt ?? []) : [])),
  ];
}

/** When a worker may take the record over; undefined if it has ended or needs a person. */
function readyTime(record: OperationRecord): number | undefined {
  const { state, leaseUntil = 0, runUntil = 0, dueAt } = record;
  if (isFinal(state)) return undefined;
  return state === "running" ? Math.min(leaseUntil, runUntil) : dueAt;
}

async function toHistory(
  world: World,
  asked: readonly AnyRequest[],
  before: number,
  endless: boolean,
): Promise<History> {
  const { raw, bank, outside, processes, clients, scheduler, luck, chance } = world;
  const declared = processes[0]?.operations;
  const operations = await operationsOf(raw, asked, (name) => declared?.[name]?.name);
  return {
    rest: {
      table: (name) => raw.table(name),
      ...{ provider: bank, operations, outside },
      messages: await messagesOf(raw),
    },
    heard: asked.map((request) =>
      clients.filter((client) => client.request === request).flatMap(({ heard }) => heard),
    ),
    last: clients.slice(before).map(({ heard }) => heard.at(-1)),
    hanging: processes.flatMap(({ running }) => Array.from(running, ({ label }) => label)),
    ...{ endless, failovers: world.failovers },
    trace: scheduler.trace,
    faults: luck.count(),
    met: luck.met,
    tape: [...chance.tape],
  };
}
