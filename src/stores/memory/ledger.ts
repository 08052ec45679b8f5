import type { RecordId } from "../../model/key.ts";
import { type Holder, isHeldBy, type OperationRecord } from "../../model/operation.ts";
import type { Fenced, Message, Snapshot, StoredMessage } from "../../store.ts";
import type { Change } from "./change.ts";
import { copyRecord } from "./copies.ts";
import type { MemoryMessages } from "./messages.ts";
import type { Shelves } from "./shelves.ts";

/** The records and their messages. Every method is one synchronous turn, so it needs no locks. */
export interface MemoryLedger {
  /** The store's time, in milliseconds since the epoch. */
  now(): number;
  find(id: RecordId): OperationRecord | undefined;
  all(): OperationRecord[];
  messages(id: RecordId): StoredMessage[];
  /** A copy with the time of the read, so that nobody holds a record by a reference. */
  snapshot(record: OperationRecord): Snapshot;
  /** Only the newest claim of a running operation writes, and only what the rules allow. */
  write(holder: Holder, change: Change, messages?: readonly Message[]): Fenced;
  /** The record and its messages, or neither. @throws if the key of a message is taken */
  keep(record: OperationRecord, messages?: readonly Message[]): void;
  remove(id: RecordId): void;
}

export function memoryLedger(
  shelves: Shelves,
  now: () => number,
  outbox: MemoryMessages,
): MemoryLedger {
  const records = shelves.map<RecordId, OperationRecord>();

  function keep(record: OperationRecord, messages: readonly Message[] = []): void {
    const copy = copyRecord(record, records.get(record.id));
    outbox.stage(
      messages.map((message) => ({ ...message, origin: record.id })),
      now(),
    );
    records.set(record.id, copy);
  }

  return {
    now,
    keep,
    find: (id) => records.get(id),
    all: () => [...records.values()],
    messages: (id) => outbox.of(id),
    snapshot: (record) => ({ record: copyRecord(record), now: now() }),
    write(holder, change, messages) {
      const record = records.get(holder.id);
      if (record === undefined || !isHeldBy(record, holder)) return "stale";
      const next = change(record, now());
      if (typeof next === "string") return next;
      keep(next, messages);
      return "done";
    },
    remove: (id) => void records.delete(id),
  };
}
