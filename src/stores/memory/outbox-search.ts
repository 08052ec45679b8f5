import type { MessageFilter } from "../../store/outbox.ts";
import type { MemoryMessages, MessageRow } from "./messages.ts";

/** The rows of a filter, newest first. */
export function foundMessages(
  messages: MemoryMessages,
  filter: MessageFilter,
  isMeant: (row: MessageRow) => boolean = () => true,
): MessageRow[] {
  const { numbers, topic, state, after, limit } = filter;
  return messages
    .all()
    .filter((row) => numbers === undefined || numbers.includes(row.number))
    .filter((row) => topic === undefined || row.topic === topic)
    .filter((row) => state === undefined || row.state === state)
    .filter((row) => after === undefined || row.number < after)
    .filter(isMeant)
    .reverse()
    .slice(0, limit);
}
