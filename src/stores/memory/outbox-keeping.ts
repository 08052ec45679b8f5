import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type { MessageRuling, OutboxPruneAnswer, OutboxPruneRequest } from "../../store/outbox.ts";
import type { MemoryMessages, MessageRow } from "./messages.ts";
import { foundMessages } from "./outbox-search.ts";
import type { MemoryRulings } from "./rulings.ts";

/** What a person says of messages in doubt and of dead ones; all others stay as they are. */
export function settleMessages(
  messages: MemoryMessages,
  rulings: MemoryRulings,
  ruling: MessageRuling,
  now: number,
): number[] {
  const { filter, to, dryRun } = ruling;
  const meant = foundMessages(
    messages,
    filter,
    ({ state }) => state === "in_doubt" || state === "dead",
  );
  rulings.keep(`outbox.${to}`, ruling, meant.length);
  if (!dryRun) for (const row of meant) messages.put(settled(row, to, now));
  return meant.map(({ number }) => number);
}

function settled(row: MessageRow, to: MessageRuling["to"], now: number): MessageRow {
  if (to === "sent") return { ...row, state: to, endedAt: now };
  // With its doubt it would only come back to the person.
  return { ...row, state: to, dueAt: now, endedAt: undefined, doubted: false };
}

export function pruneMessages(
  messages: MemoryMessages,
  { sentMs, limit, wall }: OutboxPruneRequest,
  now: number,
): OutboxPruneAnswer {
  if (Math.abs(now - wall) > CLOCK_MARGIN_MS) return { kind: "clocks-disagree", now };
  const pruned = messages
    .all()
    .filter(({ state, endedAt = now }) => state === "sent" && now - endedAt > sentMs)
    .filter(({ payload }) => payload.length > 0)
    .slice(0, limit);
  for (const row of pruned) messages.put({ ...row, payload: new Uint8Array(0) });
  return { kind: "pruned", messages: pruned.length };
}
