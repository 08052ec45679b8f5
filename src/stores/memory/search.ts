import type { RecordId } from "../../model/key.ts";
import type { OperationRecord } from "../../model/operation.ts";
import type { DueRequest, ListFilter, Snapshot } from "../../store.ts";
import type { MemoryLedger } from "./ledger.ts";
import { readyAt } from "./writes.ts";

/** What a worker may take over now; what has been ready for longest comes first. */
export function due(ledger: MemoryLedger, request: DueRequest): Snapshot[] {
  const { definitions, limit } = request;
  const now = ledger.now();
  return ledger
    .all()
    .filter(({ name, version }) =>
      definitions.some((known) => known.name === name && known.version === version),
    )
    .filter((record) => readyFrom(record) <= now)
    .sort((a, b) => readyFrom(a) - readyFrom(b))
    .slice(0, limit)
    .map(ledger.snapshot);
}

function readyFrom(record: OperationRecord): number {
  return readyAt(record) ?? Number.POSITIVE_INFINITY;
}

export function list(ledger: MemoryLedger, filter: ListFilter): Snapshot[] {
  const { state, name, scope, after, limit } = filter;
  return ledger
    .all()
    .filter((record) => state === undefined || record.state === state)
    .filter((record) => name === undefined || record.name === name)
    .filter((record) => scope === undefined || record.request?.scope === scope)
    .filter((record) => after === undefined || newestFirst(after, record) < 0)
    .sort(newestFirst)
    .slice(0, limit)
    .map(ledger.snapshot);
}

interface Position {
  readonly createdAt: number;
  readonly id: RecordId;
}

/** The id decides among operations of one millisecond, so that a page never loses one. */
function newestFirst(a: Position, b: Position): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}
