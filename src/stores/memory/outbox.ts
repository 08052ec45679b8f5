import { OPEN_MESSAGE_STATES } from "../../model/message.ts";
import type {
  ClaimedMessage,
  MessageClaimRequest,
  MessageEnd,
  MessageHolder,
  OutboxStore,
} from "../../store/outbox.ts";
import { attempt } from "./answer.ts";
import { copyBytes } from "./copies.ts";
import { type MemoryMessages, type MessageRow, messageRecord } from "./messages.ts";
import { pruneMessages, settleMessages } from "./outbox-keeping.ts";
import { foundMessages } from "./outbox-search.ts";
import { memoryRulings } from "./rulings.ts";
import type { Shelves } from "./shelves.ts";

/** The contract of what goes out, over the messages that were staged. */
export function memoryOutbox(
  shelves: Shelves,
  messages: MemoryMessages,
  now: () => number,
): OutboxStore {
  const rulings = memoryRulings(shelves, now);
  return {
    claim: async (request) => attempt(() => claim(messages, request, now())),
    end: async (holder, end) => attempt(() => endMessage(messages, holder, end, now())),
    list: async (filter) => attempt(() => foundMessages(messages, filter).map(messageRecord)),
    settle: async (ruling) => attempt(() => settleMessages(messages, rulings, ruling, now())),
    rulings: async (limit) => attempt(() => rulings.newest(limit)),
    prune: async (request) => attempt(() => pruneMessages(messages, request, now())),
  };
}

function claim(
  messages: MemoryMessages,
  { topics, leaseMs, limit }: MessageClaimRequest,
  now: number,
): ClaimedMessage[] {
  return first(messages.all())
    .filter(({ topic }) => topics.includes(topic))
    .filter(({ state, dueAt = now }) => state !== "in_doubt" && dueAt <= now)
    .sort((a, b) => (a.dueAt ?? now) - (b.dueAt ?? now) || a.number - b.number)
    .slice(0, limit)
    .map((row) => {
      const sending = {
        ...row,
        state: "sending",
        fence: row.fence + 1,
        sends: row.sends + 1,
        firstSentAt: row.firstSentAt ?? now,
        dueAt: now + leaseMs,
        // Nobody said what the send before came to.
        doubted: row.doubted || row.state === "sending",
      } as const;
      messages.put(sending);
      return claimedMessage(sending, now);
    });
}

/** Of the open messages the first one of each aggregate, and all that belong to none. */
function first(rows: readonly MessageRow[]): MessageRow[] {
  const seen = new Set<string>();
  return rows.filter(({ topic, aggregate, state }) => {
    if (!OPEN_MESSAGE_STATES.includes(state)) return false;
    if (aggregate === undefined) return true;
    const pair = JSON.stringify([topic, aggregate]);
    if (seen.has(pair)) return false;
    seen.add(pair);
    return true;
  });
}

function claimedMessage(row: MessageRow & { firstSentAt: number }, now: number): ClaimedMessage {
  const { number, fence, topic, key, aggregate, origin, payload } = row;
  const { stagedAt, sends, firstSentAt, doubted } = row;
  return {
    ...{ number, fence, topic, key, aggregate, origin },
    payload: copyBytes(payload),
    ...{ stagedAt, sends, firstSentAt, doubted, now },
  };
}

function endMessage(
  messages: MemoryMessages,
  { number, fence }: MessageHolder,
  end: MessageEnd,
  now: number,
): "done" | "stale" {
  const row = messages.find(number);
  if (row?.state !== "sending" || row.fence !== fence) return "stale";
  messages.put(ended(row, end, now));
  return "done";
}

function ended(row: MessageRow, end: MessageEnd, now: number): MessageRow {
  const over = { ...row, state: end.kind, endedAt: now, dueAt: undefined };
  switch (end.kind) {
    case "sent":
      return { ...over, reference: end.reference };
    case "waiting": {
      const doubted = row.doubted || end.doubted;
      return { ...row, state: end.kind, dueAt: now + end.dueInMs, doubted, error: end.error };
    }
    case "in_doubt":
      return { ...over, doubted: true, error: end.error };
    case "dead":
      return { ...over, error: end.error };
  }
}
