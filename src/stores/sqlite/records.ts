import type { EvidenceRecord } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import { type Holder, isFinal } from "../../model/operation.ts";
import type { DueRequest, ListFilter, Snapshot, StoredMessage } from "../../store.ts";
import { type EvidenceRow, toEvidence } from "../evidence.ts";
import {
  type MessageRow,
  type OperationRow,
  type SendRow,
  type StepRow,
  toMessage,
  toRecord,
} from "../rows.ts";
import type { Connection, SqliteRow } from "./client.ts";
import type { Statements } from "./statements.ts";

/** A connection and the statements for it: what every read and write of the store needs. */
export interface Tables {
  readonly connection: Connection;
  readonly sql: Statements;
}

type AggregateRow = MessageRow & { readonly aggregate: string | null };

/** An operation's row with the number that its other rows are keyed by. */
type NumberedRow = OperationRow & { readonly number: number };

/** The id as it is stored. */
export function bytesOf(id: RecordId): Uint8Array {
  return Buffer.from(id, "hex");
}

/** The database's time, the same for all that one work writes. */
export function nowOf({ connection, sql }: Tables): number {
  const now = connection.get<{ now: number }>(sql.now)?.now;
  if (now === undefined) throw new Error("The database does not tell its time.");
  return now;
}

/** The holder as the condition of every fenced write binds it. */
export function held({ id, fence, attemptId, seen = 0 }: Holder): SqliteRow {
  return { id: bytesOf(id), fence, attemptId, seen };
}

function snapshotOf({ connection, sql }: Tables, row: NumberedRow): Snapshot {
  const { number } = row;
  const steps = connection.all<StepRow>(sql.steps, { number });
  const sends = steps.length === 0 ? [] : connection.all<SendRow>(sql.sends, { number });
  return { record: toRecord(row, steps, sends), now: row.now };
}

export function read(tables: Tables, id: RecordId): Snapshot | undefined {
  const { connection, sql } = tables;
  const row = connection.get<NumberedRow>(sql.read, { id: bytesOf(id) });
  return row === undefined ? undefined : snapshotOf(tables, row);
}

export function due(tables: Tables, request: DueRequest): Snapshot[] {
  const { connection, sql } = tables;
  const definitions = request.definitions.map(({ name, version }) => [name, version]);
  return connection
    .all<NumberedRow>(sql.due, {
      definitions: JSON.stringify(definitions),
      limit: request.limit,
    })
    .map((row) => snapshotOf(tables, row));
}

export function list(tables: Tables, filter: ListFilter): Snapshot[] {
  const { connection, sql } = tables;
  const { state, name, scope, after, limit } = filter;
  // The open states have an index of their own, which the planner takes only where it reads them.
  const open = state !== undefined && !isFinal(state);
  return connection
    .all<NumberedRow>(open ? sql.listOpen : sql.list, {
      state: state ?? null,
      name: name ?? null,
      scope: scope ?? null,
      after: after === undefined ? null : bytesOf(after.id),
      until: after?.createdAt ?? Number.MAX_SAFE_INTEGER,
      limit,
    })
    .map((row) => snapshotOf(tables, row));
}

export function messages({ connection, sql }: Tables, id: RecordId): StoredMessage[] {
  return connection
    .all<AggregateRow>(sql.messages, { origin: bytesOf(id) })
    .map(({ aggregate, ...row }) => ({
      ...toMessage(row),
      ...(aggregate === null ? {} : { aggregate }),
    }));
}

export function evidence({ connection, sql }: Tables, id: RecordId): EvidenceRecord[] {
  return connection.all<EvidenceRow>(sql.evidence, { id: bytesOf(id) }).map(toEvidence);
}
