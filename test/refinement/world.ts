import { recordId } from "../../src/model/key.ts";
import type { Holder } from "../../src/model/operation.ts";
import type { Statement } from "../../src/model/statement.ts";
import { progressOf } from "../../src/model/step.ts";
import type { ObjectHolder } from "../../src/store/inbox.ts";
import type { MessageHolder } from "../../src/store/outbox.ts";
import type { ClaimRequest, MaybePromise, Settlement, Snapshot, Store } from "../../src/store.ts";

/** The unit of time of a sequence, in milliseconds: far more than a sequence takes by the wall. */
export const TICK_MS = 60_000;
/** What the clock moves on with every call, so that no two calls are made at one instant. */
export const STEP_MS = 50;

/**
 * Every span ends half a tick aside from where calls are made: the milliseconds that a real store
 * needs for its work then decide nothing.
 */
export function span(ticks: number): number {
  return ticks * TICK_MS + TICK_MS / 2;
}

/** What numbers count: a store may leave gaps, so they are compared by their order of sight. */
export type Counted = "events" | "messages";

/** One store and what was seen of it while a sequence ran. */
export interface World {
  readonly store: Store;
  /** Added to the store's clock, in milliseconds. */
  readonly skew: { ms: number };
  /** The store's own clock as the sequence began, in milliseconds since 1970, without the skew. */
  readonly began: number;
  /** Inserts a row of the user's, whose id is unique. */
  insert(tx: unknown, id: string): MaybePromise<void>;
  /** The same insert as data, where the store carries plans. */
  statement?(id: string): Statement;
  /** The ids of the user's committed rows. */
  rows(): MaybePromise<readonly string[]>;
  /** The claims of objects and of messages that were answered, newest first. */
  readonly objects: ObjectHolder[];
  readonly sends: MessageHolder[];
  /** The records as they were before calls ran side by side, which read nothing by themselves. */
  readonly frozen?: ReadonlyMap<number, Snapshot | undefined>;
  /** What a callback waits for before it does anything. */
  readonly held?: () => Promise<void>;
  /** Every number that was seen, in the order of sight. */
  readonly numbers: Readonly<Record<Counted, number[]>>;
}

/** Somebody's empty store, before anything was seen of it. */
export type Place = Pick<World, "store" | "skew" | "began" | "insert" | "statement" | "rows">;

export function openWorld(place: Place): World {
  place.skew.ms = 0;
  return { ...place, objects: [], sends: [], numbers: { events: [], messages: [] } };
}

/** One call as a sequence holds it: drawn once, and played on as many stores as one likes. */
export interface Act {
  /** The call and what it is given, to be printed. */
  readonly text: string;
  /** Whole ticks that pass before the call. */
  readonly ticks: number;
  readonly counted: Counted | undefined;
  play(world: World): Promise<unknown>;
}

/** A kind of call: how often it is drawn, and what is drawn for it. */
export interface Kind {
  readonly name: string;
  readonly weight: number;
  readonly counted: Counted | undefined;
  draw(chance: Draw): Pick<Act, "text" | "play">;
}

/** What a kind draws from. */
export interface Draw {
  below(count: number): number;
  pick<T>(items: readonly T[]): T;
  hit(probability: number): boolean;
}

/** Ties what is drawn, which is plain data, to the call that is made of it. */
export function kind<Data extends object>(
  name: string,
  weight: number,
  draw: (chance: Draw) => Data,
  play: (world: World, data: Data) => Promise<unknown>,
  counted?: Counted,
): Kind {
  return {
    ...{ name, weight, counted },
    draw(chance) {
      const data = draw(chance);
      return { text: `${name} ${JSON.stringify(data)}`, play: (world) => play(world, data) };
    },
  };
}

const SCOPES = ["acct_1", "acct_2"] as const;

/** The few operations of a sequence: what makes each of them, by its place. */
export const KEYS = [0, 1, 2].map((place) => {
  const [origin, scope, key] = ["own", SCOPES[place % 2] ?? "", `key_${place}`] as const;
  return { origin, scope, key, id: recordId(origin, scope, key) } as const;
});

export function keyOf(place: number): (typeof KEYS)[number] {
  const key = KEYS[place];
  if (key === undefined) throw new Error(`There is no key ${place}.`);
  return key;
}

/** The record as the store has it now; undefined for none. @throws for an answer that is not ok */
export async function snapshotOf(world: World, place: number): Promise<Snapshot | undefined> {
  if (world.frozen !== undefined) return world.frozen.get(place);
  const answer = await world.store.read(keyOf(place).id);
  if (answer.kind !== "ok") throw new Error("The record cannot be read.", { cause: answer.error });
  return answer.value;
}

/** How a holder differs from the one whose claim is the newest. */
export interface Aside {
  /** The fence is older (-1) or of the future (1). */
  readonly fence?: number;
  /** The claim is another one with that fence. */
  readonly isForgotten?: true;
  /** It says how far it has seen the steps come: as far as they are, or so much further. */
  readonly steps?: number;
}

export async function holderOf(world: World, place: number, aside: Aside): Promise<Holder> {
  const record = (await snapshotOf(world, place))?.record;
  const { fence = 1, attemptId = "nobody", steps = [] } = record ?? {};
  return {
    id: keyOf(place).id,
    fence: fence + (aside.fence ?? 0),
    attemptId: aside.isForgotten ? "forgotten" : attemptId,
    ...(aside.steps === undefined ? {} : { seen: progressOf(steps) + aside.steps }),
  };
}

/** What a callback does before it returns. */
export interface Doing {
  /** The id of the row that it inserts. */
  readonly row?: string;
  readonly throws?: true;
}

export function drawDoing(chance: Draw): Doing {
  return {
    ...(chance.hit(0.7) ? { row: `row_${chance.below(12)}` } : {}),
    ...(chance.hit(0.1) ? { throws: true } : {}),
  };
}

/** Inserts, throws or returns, at once where the store's callbacks are synchronous. */
export function doing<R>(world: World, tx: unknown, does: Doing, result: R): MaybePromise<R> {
  const { held, ...free } = world;
  return held === undefined
    ? doingNow(free, tx, does, result)
    : held().then(() => doingNow(free, tx, does, result));
}

function doingNow<R>(world: World, tx: unknown, { row, throws }: Doing, result: R) {
  const inserted = row === undefined ? undefined : world.insert(tx, row);
  const end = (): R => {
    if (throws) throw new Error("The callback throws.");
    return result;
  };
  const isLater = typeof inserted === "object" && inserted !== null && "then" in inserted;
  return (isLater ? inserted.then(end) : end()) as MaybePromise<R>;
}

/** What a plan writes, on a store that carries plans; the model does the same in a callback. */
export function planning(
  world: World,
  request: ClaimRequest,
  rows: readonly string[],
  settlement: Settlement,
): Promise<unknown> {
  const { store, statement } = world;
  if (store.carryOut !== undefined && statement !== undefined)
    return store.carryOut(request, { statements: rows.map(statement), settlement });
  const work = { settlement, value: undefined };
  // A failed outcome leaves none of them, whatever would become of them.
  const written = settlement.outcome.kind === "failed" ? [] : rows;
  return store.atomic(request, async (tx) => {
    await doing(world, tx, {}, undefined);
    for (const row of written) await world.insert(tx, row);
    return work;
  });
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
