import { isDeepStrictEqual } from "node:util";
import { isAlike, kindOf, type Opening } from "./comparison.ts";
import type { Ran } from "./gate.ts";
import { pictureOf } from "./picture.ts";
import { plainOf } from "./plain.ts";
import { type Point, schedules } from "./schedules.ts";
import { type Act, KEYS, openWorld, STEP_MS, snapshotOf, TICK_MS, type World } from "./world.ts";

/** Calls one after the other, and then some side by side. */
export interface Race {
  readonly before: readonly Act[];
  readonly calls: readonly Act[];
}

/** What a race came to: the answer to each call, and all that the store holds afterwards. */
export interface Finish {
  readonly answers: readonly unknown[];
  readonly picture: unknown;
}

/** Plays what comes before the race, and freezes what its calls would read by themselves. */
export async function bringTo(open: Opening, before: readonly Act[]): Promise<World> {
  const world = openWorld(await open());
  for (const act of before) {
    world.skew.ms += act.ticks * TICK_MS + STEP_MS;
    // Seen in the order of the answers, as in every other world.
    plainOf(world, act.counted, await act.play(world));
  }
  const frozen = new Map<number, Awaited<ReturnType<typeof snapshotOf>>>();
  for (const place of KEYS.keys()) frozen.set(place, await snapshotOf(world, place));
  world.skew.ms += STEP_MS;
  return { ...world, frozen };
}

/**
 * The world as one call of a race sees it: what the others are told is not its own. Any of them may
 * have looked at a claim that has lapsed.
 */
export function ownView(world: World): World {
  const objects = world.objects.map((one) => ({
    ...one,
    looked: "until" in one && Number(one.until) <= world.skew.ms,
  }));
  return { ...world, objects, sends: [...world.sends] };
}

/** What is new gets its place by its name, because side by side there is no order of sight. */
export async function finishOf(
  world: World,
  calls: readonly Act[],
  raw: readonly unknown[],
): Promise<Finish> {
  const { inbox, outbox } = world.store;
  const [events, messages] = [await inbox.list({ limit: 100 }), await outbox.list({ limit: 100 })];
  if (events.kind !== "ok" || messages.kind !== "ok") throw new Error("The lists are not there.");
  see(world.numbers.events, events.value, ({ source, key }) => `${source} ${key}`);
  see(world.numbers.messages, messages.value, ({ topic, key }) => `${topic} ${key}`);
  const answers = calls.map(({ counted }, index) => plainOf(world, counted, raw[index]));
  return { answers, picture: unordered(await pictureOf(world)) };
}

function see<Row extends { readonly number: number }>(
  seen: number[],
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): void {
  const fresh = rows.filter(({ number }) => !seen.includes(number));
  for (const { number } of fresh.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)))
    seen.push(number);
}

/** Lists stand in the order of numbers or of instants, which calls at one time share out freely. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(unordered).toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, unordered(one)]));
}

const textOf = (value: unknown): string => JSON.stringify(value) ?? "";

/** Whether some order of the calls on the model gives the same. */
export async function isExplained(
  model: Opening,
  race: Race,
  ran: readonly Ran<unknown>[],
  real: Finish,
): Promise<boolean> {
  const passive = new Set(
    [...race.calls.keys()].filter((call) =>
      isPassive(race.calls[call]?.text ?? "", real.answers[call]),
    ),
  );
  const met = new Set([...passive].map((call) => objectOf(race.calls[call]?.text ?? "")));
  const isLong = (call: number): boolean =>
    !passive.has(call) && WITH_CALLBACK.test(race.calls[call]?.text ?? "");
  for (const points of schedules(ran, isLong)) {
    const world = await bringTo(model, race.before);
    const raw = await playAll(
      world,
      race.calls,
      points.filter(({ call }) => !passive.has(call)),
    );
    const finish = await finishOf(world, race.calls, raw);
    const isTold = finish.answers.every((answer, index) => {
      if (passive.has(index)) return true;
      const told = real.answers[index];
      return isAlike(goingWithout(met, answer, told), told);
    });
    if (isTold && isDeepStrictEqual(finish.picture, real.picture)) return true;
  }
  return false;
}

/** Calls whose callback takes its time: what they looked at before it may be over after it. */
const WITH_CALLBACK = /^(?:atomic|plan|transact|inbox\.handle|inbox\.acceptHandled) /;

/** The calls on the model, some of which wait in their callbacks while others go on. */
async function playAll(
  world: World,
  calls: readonly Act[],
  points: readonly Point[],
): Promise<unknown[]> {
  const answers = new Map<number, Promise<unknown>>();
  const gates = new Map<number, () => void>();
  for (const { call, edge } of points) {
    const act = calls[call];
    if (act === undefined) throw new Error(`There is no call ${call}.`);
    if (edge === "end") gates.get(call)?.();
    else {
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.set(call, resolve);
      const own = ownView(world);
      const view = edge === "begin" ? { ...own, held: () => promise } : own;
      answers.set(call, act.play(view));
    }
    // Memory waits for nothing but its callers, so that all of them stand still then.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Promise.all(calls.map((_, call) => answers.get(call)));
}

/** What a call that handles an event at once is about, as one text. */
function objectOf(text: string): string {
  const [, given = "{}"] = /^inbox\.acceptHandled (.+)$/.exec(text) ?? [];
  const { event } = JSON.parse(given) as { event?: { source: string; object: string } };
  return event === undefined ? "" : `${event.source} ${event.object}`;
}

/** A claim goes without an object that a call which did nothing was at; the next one gets it. */
function goingWithout(met: ReadonlySet<string>, answer: unknown, told: unknown): unknown {
  const [objects, given] = [objectsOf(answer), objectsOf(told)];
  if (objects === undefined || given === undefined) return answer;
  const names = new Set(given.map(({ source, object }) => `${source} ${object}`));
  const value = objects.filter(({ source, object }) => {
    const name = `${source} ${object}`;
    return names.has(name) || !met.has(name);
  });
  return { ...Object(answer), value };
}

/** The objects of a claim's answer; undefined for any other answer. */
function objectsOf(answer: unknown): readonly Claimed[] | undefined {
  const { value } = Object(answer) as { readonly value?: unknown };
  const isClaim = Array.isArray(value) && value.every((one) => Object(one).events !== undefined);
  return isClaim ? value : undefined;
}

interface Claimed {
  readonly source: string;
  readonly object: string;
}

/**
 * Nobody waits for a user's callback, or for a row that somebody else is at: who meets one is told
 * `busy`, or to ask again, or goes without that row. Such a call has done nothing.
 */
function isPassive(text: string, answer: unknown): boolean {
  // What nobody promises was not asked.
  if (answer === undefined) return true;
  const { kind, value } = answer as { readonly kind?: unknown; readonly value?: unknown };
  if (kind === "not-applied") return (answer as { readonly again?: unknown }).again === true;
  if (kindOf(answer).kind === "busy") return true;
  if (/^(inbox|outbox)\.claim /.test(text)) return Array.isArray(value) && value.length === 0;
  if (!/^(inbox\.|outbox\.)?prune /.test(text)) return false;
  const counts = Object.values(value as object).filter((one) => typeof one === "number");
  return kindOf(answer).kind === "pruned" && counts.every((count) => count === 0);
}
