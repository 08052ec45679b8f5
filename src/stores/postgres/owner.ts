import type { RecordId } from "../../model/key.ts";
import { arrayLiteral } from "./batch.ts";
import type { Owner } from "./calls.ts";
import type { Cell, Ends, Row, Session } from "./client.ts";
import { LEASE, NOW } from "./functions-shared.ts";
import { type Names, SERVER } from "./statements.ts";

/** A claim that lives in this process. */
export interface Held {
  readonly id: RecordId;
  readonly fence: number;
  readonly attemptId: string;
  readonly leaseMs: number;
  /** When it was made and ends at the latest, on this process's own clock, in milliseconds. */
  readonly since: number;
  readonly until: number;
  /** The owner that its row names, as far as is known. */
  owner: Owner;
}

/**
 * Takes the lock that the server lets go when this process dies, if nothing can stand between: the
 * four numbers that both sides see make it one TCP connection. A pooler would keep the lock on a
 * session that outlives us, or is shared. The high half of the number is the server's own, because
 * a server that was started anew has no locks, and knows of no death.
 */
const LOCK = `SELECT owner::text, pg_try_advisory_lock(owner)::text
FROM (SELECT (${SERVER} << 32) | floor(random() * 4294967296)::bigint AS owner OFFSET 0) AS drawn
WHERE host(inet_client_addr()) = $1::text AND inet_client_port() = $2::text::int
  AND host(inet_server_addr()) = $3::text AND inet_server_port() = $4::text::int`;

const UNLOCK = "SELECT pg_advisory_unlock($1::text::bigint)::text";

/** @returns the owner's number, none if it was drawn before, or that nothing is proven */
export async function takeOwner(session: Session): Promise<Owner | "unproven"> {
  const ends = session.ends?.();
  if (ends === undefined) return "unproven";
  const [row] = await session.query(LOCK, endCells(ends));
  if (row === undefined) return "unproven";
  return row[1] === "true" ? (row[0] ?? undefined) : undefined;
}

/** Whether the session is free of the lock again. */
export async function freeOwner(session: Session, owner: string): Promise<boolean> {
  const [row] = await session.query(UNLOCK, [owner]);
  return row?.[0] === "true";
}

function endCells({ localAddress, localPort, remoteAddress, remotePort }: Ends): Cell[] {
  // A socket for both families shows an IPv4 address within an IPv6 one.
  const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, "");
  return [plain(localAddress), String(localPort), plain(remoteAddress), String(remotePort)];
}

/** Names the owner in the rows of claims; one that somebody writes at waits for its renewal. */
export function ownClaims(
  session: Session,
  names: Names,
  skewMs: number,
  claims: readonly Held[],
  owner: string,
): Promise<readonly Row[]> {
  const moment = NOW.replace("p_skew_ms", "$1::text::float8");
  const sql = `UPDATE ${names.operation} AS operation SET owner = $2::text::bigint,
    missed_at = least(${moment} + ${LEASE("held.lease_ms")} / 2, operation.lease_until)
  FROM (
    SELECT o.id, t.lease_ms::float8 FROM ${names.operation} AS o
      JOIN unnest($3::text::text[], $4::text::bigint[], $5::text::text[], $6::text::float8[])
        AS t(id, fence, attempt_id, lease_ms)
        ON o.id = decode(t.id, 'hex') AND o.fence = t.fence AND o.attempt_id = t.attempt_id
    WHERE o.state = 'running' AND o.form <> 'opaque'
    FOR NO KEY UPDATE OF o SKIP LOCKED
  ) AS held WHERE operation.id = held.id`;
  const column = (read: (claim: Held) => string | number): Cell =>
    arrayLiteral(claims.map((claim) => String(read(claim))));
  return session.query(sql, [
    ...[String(skewMs), owner],
    ...[column(({ id }) => id), column(({ fence }) => fence)],
    ...[column(({ attemptId }) => attemptId), column(({ leaseMs }) => leaseMs)],
  ]);
}
