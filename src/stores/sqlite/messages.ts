import type { RecordId } from "../../model/key.ts";
import type { MessageState } from "../../model/message.ts";
import type {
  MessageFilter,
  MessageRecord,
  MessageRuling,
  OutboxPruneAnswer,
  OutboxPruneRequest,
} from "../../store/outbox.ts";
import { clocksAgree } from "./keeping.ts";
import { nowOf, type Tables } from "./records.ts";
import { keepRuling } from "./rulings.ts";
import type { Verdict } from "./transaction.ts";

interface MessageRow {
  readonly number: number;
  readonly topic: string;
  readonly key: string;
  readonly aggregate: string | null;
  readonly origin: RecordId;
  readonly state: MessageState;
  readonly staged_at: number;
  readonly sends: number;
  readonly first_sent_at: number | null;
  readonly ended_at: number | null;
  readonly due_at: number | null;
  readonly doubted: number;
  readonly reference: string | null;
  readonly last_error: string | null;
}

export function listMessages(tables: Tables, filter: MessageFilter): MessageRecord[] {
  return found(tables, filter, false).map(messageRecord);
}

/** The rows of a filter, newest first; by the index that reads past the fewest others. */
function found(
  { connection, sql }: Tables,
  { numbers, topic, state, limit, after }: MessageFilter,
  unsettled: boolean,
): MessageRow[] {
  const few = unsettled || state === "in_doubt" || state === "dead";
  const other = few ? sql.messagesUnsettled : sql.messageList;
  return connection.all<MessageRow>(
    numbers === undefined || unsettled ? other : sql.messagesNumbered,
    {
      numbers: numbers === undefined ? null : JSON.stringify(numbers),
      ...{ topic: topic ?? null, state: state ?? null },
      before: after ?? Number.MAX_SAFE_INTEGER,
      limit,
    },
  );
}

function messageRecord(row: MessageRow): MessageRecord {
  const { number, topic, key, origin, state, sends } = row;
  return {
    ...{ number, topic, key, origin, state, sends },
    aggregate: row.aggregate ?? undefined,
    stagedAt: row.staged_at,
    firstSentAt: row.first_sent_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    dueAt: row.due_at ?? undefined,
    doubted: row.doubted === 1,
    reference: row.reference ?? undefined,
    error: row.last_error ?? undefined,
  };
}

/** What a person says of messages in doubt and of dead ones; all others stay as they are. */
export function settleMessages(tables: Tables, ruling: MessageRuling): Verdict<readonly number[]> {
  const { connection, sql } = tables;
  const { filter, to, dryRun } = ruling;
  const rows = found(tables, filter, true);
  keepRuling(tables, `outbox.${to}`, ruling, rows.length);
  const now = nowOf(tables);
  for (const { number, topic, aggregate } of dryRun ? [] : rows) {
    connection.run(sql.settleMessage, { number, to, now });
    // A dead one that waits again stands before those that were let past it.
    if (aggregate !== null) connection.run(sql.lineUp, { topic, aggregate });
    if (aggregate !== null) connection.run(sql.letNext, { topic, aggregate });
  }
  return { value: rows.map(({ number }) => number), keep: true };
}

export function pruneMessages(
  tables: Tables,
  { sentMs, limit, wall }: OutboxPruneRequest,
): Verdict<OutboxPruneAnswer> {
  const { connection, sql } = tables;
  const now = nowOf(tables);
  if (!clocksAgree(wall, now)) return { value: { kind: "clocks-disagree", now }, keep: false };
  const old = connection.all<{ number: number }>(sql.prunableMessages, {
    ...{ now, limit },
    ageMs: sentMs,
  });
  for (const { number } of old) connection.run(sql.pruneMessage, { number });
  return { value: { kind: "pruned", messages: old.length }, keep: true };
}
