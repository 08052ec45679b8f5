import type pg from "pg";
import { MINUTE_MS } from "./postgres-wire-call.ts";

/** All that the database holds, with its times as whole minutes from the start of a trial. */
export interface Truth {
  readonly rows: string;
  readonly sequences: readonly Sequence[];
}

interface Sequence {
  readonly name: string;
  /** Null before the first number. */
  readonly last: string | null;
}

export interface TruthTeller {
  /** Empties every table. */
  reset(): Promise<void>;
  tell(since: number): Promise<Truth>;
  /** Forgets the numbers that were given out to nobody, which a retry does not get again. */
  align(truth: Truth): Promise<void>;
  /** Waits until a connection's backend is gone, and no other one is at work any more. */
  gone(port: number): Promise<void>;
}

const WAIT_MS = 10_000;
/** What a failover is noticed by; it has places of the log in it. */
const LINEAGE = "to_jsonb(t)->>'name' IS DISTINCT FROM 'lineage'";

export async function truthTeller(pool: pg.Pool): Promise<TruthTeller> {
  const { rows: found } = await pool.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'
      AND tablename <> 'nevertwice_migration' ORDER BY tablename`,
  );
  const names = found.map(({ name }) => name);
  const all = names.map(
    (name) => `SELECT '${name}' AS place, to_jsonb(t) AS row FROM ${name} AS t WHERE ${LINEAGE}`,
  );
  const emptied = names.map((name) => `DELETE FROM ${name} AS t WHERE ${LINEAGE};`);
  const sequences = `SELECT sequencename AS name, last_value::text AS last
    FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename`;
  return {
    async reset() {
      // As a replica no trigger bites, such as the one that keeps an operation from being deleted.
      await pool.query(
        `BEGIN; SET LOCAL session_replication_role = replica; ${emptied.join(" ")}
          SELECT setval(sequencename::regclass, 1, false) FROM pg_sequences
          WHERE schemaname = 'public'; COMMIT`,
      );
    },
    async tell(since) {
      const { rows } = await pool.query<{ place: string; row: unknown }>(all.join(" UNION ALL "));
      const lines = rows.map(({ place, row }) => `${place} ${plain(row, since)}`);
      return {
        rows: lines.toSorted().join("\n"),
        sequences: (await pool.query<Sequence>(sequences)).rows,
      };
    },
    async align(truth) {
      for (const { name, last } of truth.sequences)
        await pool.query("SELECT setval($1::text::regclass, $2, $3)", [
          ...[name, last ?? 1, last !== null],
        ]);
    },
    async gone(port) {
      const end = performance.now() + WAIT_MS;
      const there = `SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND (client_port = $1 OR state <> 'idle')`;
      while ((await pool.query(there, [port])).rowCount !== 0)
        if (performance.now() > end) throw new Error("The backend of a cut connection lives on.");
    },
  };
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:/;
const MS_SINCE_1970_MIN = 1e12;

/** One text for equal values, with times as minutes since `since` and bytes as hexadecimal. */
export function plain(value: unknown, since: number): string {
  const minutes = (ms: number): string => `${Math.round((ms - since) / MINUTE_MS)} min`;
  return JSON.stringify(value, (_name, one: unknown) => {
    if (typeof one === "number" && one > MS_SINCE_1970_MIN) return minutes(one);
    if (typeof one === "string" && ISO_TIME.test(one)) return minutes(Date.parse(one));
    if (one instanceof Uint8Array) return Buffer.from(one).toString("hex");
    if (one instanceof Error) return `${one.name}: ${one.message}`;
    return one;
  });
}
