import type { Store } from "../../src/store.ts";
import { type Patience, postgresStore } from "../../src/stores/postgres/store.ts";
import { quietPool } from "./postgres-bench.ts";
import { openProxy, type Spot } from "./postgres-proxy.ts";
import { DIRECTIONS, type WireFault } from "./postgres-wire.ts";
import type { Method } from "./postgres-wire-call.ts";
import { DRIVERS } from "./postgres-wire-drivers.ts";
import { attempt, type Lab, type Lesson, learn, type Trial } from "./postgres-wire-trial.ts";
import { truthTeller } from "./postgres-wire-truth.ts";

/** Long enough for a machine of its own, and short enough to wait for a thousand times. */
export const PATIENCE_MS = 400;

/** @param ms how long a statement and a commit are waited for */
function patienceOf(ms: number): Patience {
  const connectMs = Math.max(1_500, 2 * ms);
  return { connectMs, lockMs: ms / 2, statementMs: ms, idleMs: 5_000, commitMs: ms };
}

/** Longer than every patience of the store's, one after the other. */
const ANSWER_MS_LEAST = 8_000;
const ANSWER_PATIENCES = 8;

export interface OpenLab extends Lab {
  close(): Promise<void>;
}

/** @param url of a database of its own; @param driver one of `DRIVERS` */
export async function openLab(
  url: string,
  driver: string,
  patienceMs: number = PATIENCE_MS,
): Promise<OpenLab> {
  const patience = patienceOf(patienceMs);
  const open = DRIVERS[driver];
  if (open === undefined) throw new Error(`There is no driver ${driver}.`);
  const pool = quietPool(url);
  const skew = { ms: 0 };
  const direct = postgresStore(pool, { skew, leases: pool });
  await direct.migrate();
  await pool.query("CREATE TABLE orders (id text)");
  const proxy = await openProxy(url);
  const opened = open(proxy.url, patience);
  return {
    ...{ store: direct as unknown as Store, skew, proxy, opened },
    teller: await truthTeller(pool),
    remembers: driver === "pg-prepared",
    answerMs: Math.max(ANSWER_MS_LEAST, ANSWER_PATIENCES * patienceMs),
    open: () => open(proxy.url, patience),
    async close() {
      await opened.close();
      await proxy.close();
      await direct.close();
      await pool.end();
    },
  };
}

/** A method that was tried at every one of its messages. */
export interface Tried {
  readonly lesson: Lesson;
  readonly trials: readonly Trial[];
}

export async function tryMethod(
  lab: Lab,
  method: Method,
  faults: readonly WireFault[],
): Promise<Tried> {
  const lesson = await learn(lab, method);
  const trials: Trial[] = [];
  for (const spot of spotsOf(lesson, faults)) {
    const trial = attempt(lab, lesson, spot).catch((cause: unknown) => {
      const last = trials.at(-1);
      const after = last === undefined ? "first" : `after ${placeOf(lesson, last)}`;
      throw new Error(`${method.name}: no trial ${after}: ${messageOf(cause)}`, { cause });
    });
    trials.push(await trial);
  }
  return { lesson, trials };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} ${messageOf(error.cause)}`;
}

/** A list of rows longer than this is met at its first and its last one only. */
const ROWS_MAX = 20;

function spotsOf({ types }: Lesson, faults: readonly WireFault[]): Spot[] {
  return DIRECTIONS.flatMap((direction) =>
    placesOf(types[direction]).flatMap((index) =>
      faults.map((fault) => ({ direction, index, fault })),
    ),
  );
}

function placesOf(types: string): number[] {
  const runs = [...types.matchAll(/(.)\1*/g)];
  return runs.flatMap(({ index, 0: { length } }) =>
    length > ROWS_MAX
      ? [index, index + length - 1]
      : Array.from({ length }, (_, place) => index + place),
  );
}

/** Such as `cut after request 3 (E): ok, and it is not there`. */
export function wrongsOf({ lesson, trials }: Tried): string[] {
  return trials.flatMap((trial) =>
    trial.wrong === undefined ? [] : `${placeOf(lesson, trial)}: ${trial.wrong}`,
  );
}

function placeOf({ types }: Lesson, { spot: { direction, index, fault }, said }: Trial): string {
  return `${fault} ${direction} ${index} (${types[direction][index]}), said ${said}`;
}
