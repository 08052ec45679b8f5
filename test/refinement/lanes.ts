import pg from "pg";
import postgres from "postgres";
import { type PostgresPool, postgresStore } from "../../src/stores/postgres/store.ts";
import type { Gate, Lane } from "./gate.ts";
import { gatedPool } from "./gated-pg.ts";
import { gatedSql } from "./gated-postgres-js.ts";
import { type Ground, pgGround, postgresJsGround } from "./places.ts";
import type { Place } from "./world.ts";

export const LANES = 4;
const CONNECTIONS = 3 * LANES;
/** A connection that is opened during a race would be one more thing that takes time. */
const OPENED = 2 * LANES;

export const DRIVERS = ["pg", "postgres.js"] as const;
export type DriverName = (typeof DRIVERS)[number];

/** The connections of one driver, on which calls run side by side. */
export interface Lanes {
  /** Where a race is brought to its beginning, beside the gate. */
  readonly ground: Ground;
  store(gate: Gate, lane: Lane, skew: { ms: number }): Place["store"];
  close(): Promise<void>;
}

export function openLanes(driver: DriverName, url: string): Promise<Lanes> {
  return driver === "pg" ? pgLanes(url) : postgresJsLanes(url);
}

async function pgLanes(url: string): Promise<Lanes> {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, idleTimeoutMillis: 0 });
  pool.on("error", () => {});
  const opened = await Promise.all(Array.from({ length: OPENED }, () => pool.connect()));
  for (const client of opened) client.release();
  return {
    ground: pgGround(url),
    store: (gate, lane, skew) => storeOf(gatedPool(pool, gate, lane), skew),
    close: () => pool.end(),
  };
}

async function postgresJsLanes(url: string): Promise<Lanes> {
  const sql = postgres(url, { max: CONNECTIONS, onnotice: () => {} });
  const opened = await Promise.all(Array.from({ length: OPENED }, () => sql.reserve()));
  for (const reserved of opened) reserved.release();
  return {
    ground: postgresJsGround(url),
    store: (gate, lane, skew) => storeOf(gatedSql(sql, gate, lane), skew),
    close: () => sql.end(),
  };
}

function storeOf(own: PostgresPool, skew: { ms: number }): Place["store"] {
  return postgresStore(own, { skew, leases: own });
}
