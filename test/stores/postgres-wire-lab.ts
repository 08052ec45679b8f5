import type { Store } from "../../src/store.ts";
import { type Patience, postgresStore } from "../../src/stores/postgres/store.ts";
import { quietPool } from "./postgres-bench.ts";
import { openProxy, type Spot } from "./postgres-proxy.ts";
import { DIRECTIONS, type WireFault } from "./postgres-wire.ts";
import type { Method } from "./postgres-wire-call.ts";
import { DRIVERS } from "./postgres-wire-drivers.ts";
import { attempt, type Lab, type Lesson, learn, type Trial } from "./postgres-wire-trial.ts";
import { truthTeller } from "./postgres-wire-truth.ts";

/** Long enough for a busy machine, and short enough to wait for a thousand times. */
const PATIENCE: Patience = {
  ...{ connectMs: 1_500, lockMs: 200, statementMs: 400, idleMs: 5_000, commitMs: 400 },
};

export interface OpenLab extends Lab {
  close(): Promise<void>;
}

/** @param url of a database of its own; @param driver one of `DRIVERS` */
export async function openLab(url: string, driver: string): Promise<OpenLab> {
  const open = DRIVERS[driver];
  if (open === undefined) throw new Error(`There is no driver ${driver}.`);
  const pool = quietPool(url);
  const skew = { ms: 0 };
  const direct = postgresStore(pool, { skew, leases: pool });
  await direct.migrate();
  await pool.query("CREATE TABLE orders (id text)");
  const proxy = await openProxy(url);
  const opened = open(proxy.url, PATIENCE);
  return {
    ...{ store: direct as unknown as Store, skew, proxy, opened },
    teller: await truthTeller(pool),
    remembers: driver === "pg-prepared",
    open: () => open(proxy.url, PATIENCE),
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
  for (const spot of spotsOf(lesson, faults)) trials.push(await attempt(lab, lesson, spot));
  return { lesson, trials };
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
  return trials.flatMap(({ spot: { direction, index, fault }, said, wrong }) => {
    const type = lesson.types[direction][index];
    const where = `${fault} ${direction} ${index} (${type})`;
    return wrong === undefined ? [] : `${where}, said ${said}: ${wrong}`;
  });
}
