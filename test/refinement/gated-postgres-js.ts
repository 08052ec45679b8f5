import type postgres from "postgres";
import type { Gate, Lane } from "./gate.ts";
import { through } from "./through.ts";

/** The client as one lane sees it: every statement of its connections passes the gate. */
export function gatedSql(sql: postgres.Sql, gate: Gate, lane: Lane): postgres.Sql {
  const reserve = async (): Promise<postgres.ReservedSql> => {
    const reserved = await sql.reserve();
    // Not at the gate: whoever is on the way to it is waited for.
    const [row] = await reserved<Backend[]>`SELECT pg_backend_pid() AS session`;
    return gatedReserved(reserved, gate, lane, row?.session);
  };
  return through(sql, { reserve }) as postgres.Sql;
}

interface Backend {
  readonly session: number;
}

function gatedReserved(
  sql: postgres.ReservedSql,
  gate: Gate,
  lane: Lane,
  session: number | undefined,
): postgres.ReservedSql {
  const pass = <T>(run: () => Promise<T>): Promise<T> => gate.pass(lane, session, run);
  const unsafe = (...given: Parameters<typeof sql.unsafe>): object => ({
    raw: () => pass(async () => sql.unsafe(...given).raw()),
  });
  return new Proxy(through(sql, { unsafe }) as typeof sql, {
    apply: (_, __, given) => pass(async () => Reflect.apply(sql, undefined, given)),
  });
}
