import type { RecordId } from "../../model/key.ts";
import type { Message } from "../../model/message.ts";
import type {
  ClaimedMessage,
  MessageClaimRequest,
  MessageEnd,
  MessageHolder,
} from "../../store/outbox.ts";
import { boundedDetail } from "../evidence.ts";
import { bytesOf, nowOf, type Tables } from "./records.ts";
import type { Verdict } from "./transaction.ts";

export function stage(
  { connection, sql }: Tables,
  origin: RecordId,
  messages: readonly Message[],
): void {
  for (const { topic, key, aggregate = null, payload } of messages)
    connection.run(sql.message, { origin: bytesOf(origin), topic, key, aggregate, payload });
}

interface DueRow {
  readonly number: number;
  readonly due_at: number;
}

interface ClaimedRow {
  readonly number: number;
  readonly fence: number;
  readonly topic: string;
  readonly key: string;
  readonly aggregate: string | null;
  readonly origin: RecordId;
  readonly payload: Uint8Array;
  readonly staged_at: number;
  readonly sends: number;
  readonly first_sent_at: number;
  readonly doubted: number;
}

/** Each topic by its own index, and of all of them those that are due for longest. */
export function claimMessages(
  tables: Tables,
  { topics, leaseMs, limit }: MessageClaimRequest,
): Verdict<readonly ClaimedMessage[]> {
  const { connection, sql } = tables;
  const now = nowOf(tables);
  const claimed = [...new Set(topics)]
    .flatMap((topic) => connection.all<DueRow>(sql.dueMessages, { topic, now, limit }))
    .sort((a, b) => a.due_at - b.due_at || a.number - b.number)
    .slice(0, limit)
    .flatMap(({ number }) => {
      const row = connection.get<ClaimedRow>(sql.sendMessage, { number, now, leaseMs });
      return row === undefined ? [] : [claimedMessage(row, now)];
    });
  return { value: claimed, keep: claimed.length > 0 };
}

function claimedMessage(row: ClaimedRow, now: number): ClaimedMessage {
  const { number, fence, topic, key, aggregate, origin, payload, sends } = row;
  return {
    ...{ number, fence, topic, key, origin, payload, sends, now },
    aggregate: aggregate ?? undefined,
    stagedAt: row.staged_at,
    firstSentAt: row.first_sent_at,
    doubted: row.doubted === 1,
  };
}

/** With the end of an open message, the next one of its aggregate may leave. */
export function endMessage(
  tables: Tables,
  { number, fence }: MessageHolder,
  end: MessageEnd,
): Verdict<"done" | "stale"> {
  const { connection, sql } = tables;
  const { kind } = end;
  const row = connection.get<{ topic: string; aggregate: string | null }>(sql.endMessage, {
    ...{ number, fence, kind, now: nowOf(tables) },
    dueInMs: kind === "waiting" ? end.dueInMs : null,
    doubted: kind === "in_doubt" || (kind === "waiting" && end.doubted) ? 1 : 0,
    reference: (kind === "sent" ? end.reference : undefined) ?? null,
    error: (kind === "sent" ? undefined : boundedDetail(end.error)) ?? null,
  });
  if (row === undefined) return { value: "stale", keep: false };
  const { topic, aggregate } = row;
  if (aggregate !== null && (kind === "sent" || kind === "dead"))
    connection.run(sql.letNext, { topic, aggregate });
  return { value: "done", keep: true };
}
