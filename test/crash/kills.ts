import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Order } from "./application-process.ts";
import type { Kill } from "./kill-points.ts";
import {
  type ApplicationProcess,
  type Ending,
  type Spares,
  spareApplications,
  startApplication,
} from "./processes.ts";
import type { Scene } from "./scene.ts";

/** What is run, killed, and finished by another process. */
export interface Play {
  readonly path: string;
  /** What goes wrong with the provider while the first process lives. */
  readonly faults?: readonly string[];
  /** A worker finishes what the killed process left, before its client comes back. */
  readonly worker?: boolean;
}

/** One kill and what was left to the next process. */
export interface Killed {
  readonly key: string;
  readonly place: string;
  readonly point: string;
  readonly when: Kill["when"];
  readonly survivor: ApplicationProcess;
  /** Whether a worker was there before the client. */
  readonly worked: boolean;
}

/** The processes of one scene: those that are killed, and the one that takes over. */
export interface Stage {
  readonly scene: Scene;
  readonly spares: Spares;
  readonly survivor: ApplicationProcess;
  close(): Promise<void>;
}

/** Past every lease that the killed processes took, on the clock of the one that takes over. */
export const PAST_LEASE_MS = 90_000;
/** More calls than any operation makes; reaching it means that the count goes on for ever. */
const CALLS_MAX = 60;
const PURCHASE = { amount: 1999 };

export async function openStage(scene: Scene): Promise<Stage> {
  const spares = spareApplications(scene.db, scene.sandboxUrl);
  const survivor = await startApplication(scene.db, scene.sandboxUrl);
  return {
    scene,
    spares,
    survivor,
    async close() {
      await spares.close();
      await survivor.close();
      await scene.close();
    },
  };
}

/**
 * Runs the play with a kill at its first call, its second, and so on until one run comes through
 * alive, so that the list of points is complete by construction.
 *
 * @returns the names of all points in order
 */
export async function killEverywhere(
  stage: Stage,
  play: Play,
  when: Kill["when"],
  check: (killed: Killed) => Promise<void>,
): Promise<readonly string[]> {
  const points = await rehearse(stage, play, when);
  for (let at = 1; at < CALLS_MAX; at += 1) {
    const point = points[at - 1];
    const key = keyOf(play, when, at);
    const ending = await carryOut(stage, play, key, { at, when }, 0);
    if (ending.kind === "answered") {
      assert.equal(ending.answer.status, 201, ending.answer.body);
      assert.equal(at, ending.answer.calls.length + 1, "a call was passed without its kill");
      assert.deepEqual(ending.answer.calls, points);
      return points;
    }
    const place = `killed ${when} call ${at}, ${ending.point}, as ${key}`;
    assert.equal(ending.point, point, place);
    const { survivor } = stage;
    if (play.worker) await work(survivor, PAST_LEASE_MS);
    await check({ key, place, point: ending.point, when, survivor, worked: play.worker === true });
  }
  throw new Error(`The play ${play.path} did not end within ${CALLS_MAX} calls.`);
}

function keyOf({ path, faults = [], worker = false }: Play, when: string, at: number): string {
  const name = [path.slice(1), ...faults, worker ? "worker" : "client", when, at];
  return name.join("-");
}

/** The calls of a run that nobody kills. */
async function rehearse(stage: Stage, play: Play, when: Kill["when"]): Promise<readonly string[]> {
  const ending = await carryOut(stage, play, keyOf(play, when, 0), undefined, 0);
  const { status, body, calls } = answerOf(ending);
  assert.equal(status, 201, body);
  return calls;
}

/** Lets a fresh process carry the order out, until it is killed if it is to be. */
async function carryOut(
  { scene, spares }: Stage,
  { path, faults = [] }: Play,
  key: string,
  kill: Kill | undefined,
  skewMs: number,
): Promise<Ending> {
  await scene.faults(...faults);
  const doomed = await spares.take();
  const order = { path, key, purchase: PURCHASE, skewMs, ...(kill ? { kill } : {}) };
  const ending = await doomed.carryOut(order);
  if (ending.kind === "answered") await doomed.close();
  await scene.faults();
  return ending;
}

/**
 * Kills processes from outside at moments spread evenly over one run, so that a kill also meets a
 * call that is under way, such as a commit.
 *
 * @returns how many were killed before they could answer
 */
export async function killAnytime(
  { spares, scene, survivor }: Stage,
  path: string,
  moments: number,
  check: (
    stage: Pick<Stage, "scene">,
    killed: Pick<Killed, "key" | "place" | "survivor">,
  ) => unknown,
): Promise<number> {
  let killed = 0;
  let wholeMs = 0;
  for (let moment = 0; moment <= moments; moment += 1) {
    const key = `${path.slice(1)}-moment-${moment}`;
    const doomed = await spares.take();
    const began = performance.now();
    const ended = doomed.carryOut({ path, key, purchase: PURCHASE, skewMs: 0 });
    if (moment > 0) await sleep((wholeMs * moment) / moments);
    else await ended;
    if (moment === 0) wholeMs = performance.now() - began;
    doomed.kill();
    const ending = await ended;
    await doomed.close();
    killed += ending.kind === "killed" ? 1 : 0;
    await check({ scene }, { key, place: `killed at moment ${moment}`, survivor });
  }
  return killed;
}

/**
 * Kills a first process at one call and the one that takes over at each of its own, in turn.
 *
 * @returns the names of the second process's points in order
 */
export async function killTwice(
  stage: Stage,
  first: Kill,
  second: { readonly path: string; readonly when: Kill["when"] },
  check: (key: string, place: string, skewMs: number) => Promise<void>,
): Promise<readonly string[]> {
  for (let at = 1; at < CALLS_MAX; at += 1) {
    const took = second.path.replace("/", "");
    const key = ["twice", first.when, first.at, took, second.when, at].join("-");
    const began = await carryOut(stage, { path: "/checkout" }, key, first, 0);
    assert.equal(began.kind, "killed", key);
    const kill = { at, when: second.when };
    const ended = await carryOut(stage, { path: second.path }, key, kill, PAST_LEASE_MS);
    const place = `${key}, ${ended.kind === "killed" ? ended.point : "alive"}`;
    await check(key, place, 2 * PAST_LEASE_MS);
    if (ended.kind === "answered") return ended.answer.calls;
  }
  throw new Error(`The take-over did not end within ${CALLS_MAX} calls.`);
}

/** The client comes back to a process that lives. */
export async function comeBack(
  process: ApplicationProcess,
  path: string,
  key: string,
  skewMs: number = PAST_LEASE_MS,
): Promise<Answer> {
  return answerOf(await process.carryOut({ path, key, purchase: PURCHASE, skewMs }));
}

async function work(process: ApplicationProcess, skewMs: number): Promise<void> {
  const order: Order = { path: "worker", key: "", purchase: PURCHASE, skewMs };
  const { status, body } = answerOf(await process.carryOut(order));
  assert.equal(status, 200, body);
}

function answerOf(ending: Ending): Answer {
  assert.equal(ending.kind, "answered", "a process that nobody was to kill was killed");
  return ending.answer;
}
