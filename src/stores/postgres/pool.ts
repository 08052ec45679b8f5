import { NevertwiceError } from "../../model/errors.ts";
import type { Client } from "./client.ts";
import { isPgPool, type PgPool, pgClient } from "./pg.ts";
import { isPGlite, type PGliteInstance, pgliteClient } from "./pglite.ts";
import { isPostgresJs, type PostgresJsSql, postgresJsClient } from "./postgres-js.ts";

/** A `Pool` of pg, a `sql` of postgres.js, or a PGlite instance. */
export type PostgresPool = PgPool | PostgresJsSql | PGliteInstance;

/** What a callback gets of a pool: pg's client, a reserved `sql`, or PGlite's transaction. */
export type ClientOf<Pool> = Pool extends {
  connect: { (): Promise<infer Client>; (callback: never): void };
}
  ? Client
  : Pool extends { connect(): Promise<infer Client> }
    ? Client
    : Pool extends { reserve(): Promise<infer Client> }
      ? Client
      : Pool extends { transaction(work: (tx: infer Client) => Promise<unknown>): unknown }
        ? Client
        : unknown;

/**
 * Recognises the driver by its shape.
 *
 * @param prepare whether statements may be prepared by name
 * @throws option-invalid for any other object
 */
export function clientOf(pool: PostgresPool, prepare: boolean): Client {
  if (isPgPool(pool)) return pgClient(pool, prepare);
  if (isPostgresJs(pool)) return postgresJsClient(pool, prepare);
  if (isPGlite(pool)) return pgliteClient(pool);
  throw new NevertwiceError(
    "option-invalid",
    "Hand in a Pool of pg, a sql of postgres.js or a PGlite instance.",
  );
}
