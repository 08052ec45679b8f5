import type { RecordId } from "../../model/key.ts";
import type { StagedMessage } from "../../model/message.ts";
import type { MessageRecord } from "../../store/outbox.ts";
import type { StoredMessage } from "../../store.ts";
import { copyBytes } from "./copies.ts";
import type { Shelves } from "./shelves.ts";

/** A message as it is kept; its payload is empty once pruned. */
export interface MessageRow extends MessageRecord {
  readonly payload: Uint8Array;
  readonly fence: number;
}

/** The messages of all topics; a business key is unique within its topic. */
export interface MemoryMessages {
  /** All of the messages or, if one of their keys is taken, none. @throws on a taken key */
  stage(messages: readonly StagedMessage[], now: number): void;
  /** Those that one origin staged, in order. */
  of(origin: RecordId): StoredMessage[];
  /** In the order in which they were staged. */
  all(): MessageRow[];
  find(number: number): MessageRow | undefined;
  /** Puts the row in the place of the one of its number. */
  put(row: MessageRow): void;
}

export function memoryMessages(shelves: Shelves): MemoryMessages {
  const rows = shelves.map<number, MessageRow>();
  const byOrigin = shelves.map<RecordId, readonly number[]>();
  const taken = shelves.map<string, true>();
  return {
    stage(messages, now) {
      if (messages.length === 0) return;
      const staged = messages.map((message, index) =>
        waitingRow(message, rows.size + 1 + index, now),
      );
      const wanted = new Set<string>();
      for (const { topic, key } of staged) {
        const pair = JSON.stringify([topic, key]);
        if (taken.has(pair) || wanted.has(pair))
          throw new Error(`The message key ${key} of the topic ${topic} is taken.`);
        wanted.add(pair);
      }
      for (const pair of wanted) taken.set(pair, true);
      for (const row of staged) {
        rows.set(row.number, row);
        byOrigin.set(row.origin, [...(byOrigin.get(row.origin) ?? []), row.number]);
      }
    },
    of: (origin) =>
      (byOrigin.get(origin) ?? []).flatMap((number) => {
        const row = rows.get(number);
        return row === undefined ? [] : [storedMessage(row)];
      }),
    all: () => [...rows.values()],
    find: (number) => rows.get(number),
    put: (row) => void rows.set(row.number, row),
  };
}

function waitingRow(message: StagedMessage, number: number, now: number): MessageRow {
  const { topic, key, aggregate, origin, payload } = message;
  return {
    ...{ number, topic, key, aggregate, origin },
    payload: copyBytes(payload),
    ...{ state: "waiting", stagedAt: now, dueAt: now, fence: 0, sends: 0, doubted: false },
    ...{ firstSentAt: undefined, endedAt: undefined, reference: undefined, error: undefined },
  };
}

function storedMessage({ topic, key, aggregate, payload, stagedAt }: MessageRow): StoredMessage {
  return {
    ...{ topic, key, stagedAt },
    ...(aggregate === undefined ? {} : { aggregate }),
    payload: copyBytes(payload),
  };
}

/** The row as anyone may read it, without its payload and its fence. */
export function messageRecord({ payload, fence, ...record }: MessageRow): MessageRecord {
  return record;
}
