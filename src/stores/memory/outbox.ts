import type { RecordId } from "../../model/key.ts";
import type { Message, StoredMessage } from "../../store.ts";
import { copyBytes } from "./copies.ts";

/** Messages by operation; a business key is unique within its topic over all of them. */
export interface MemoryOutbox {
  /** All of the messages or, if one of their keys is taken, none. @throws on a taken key */
  stage(id: RecordId, messages: readonly Message[], now: number): void;
  of(id: RecordId): StoredMessage[];
}

export function memoryOutbox(): MemoryOutbox {
  const byOperation = new Map<RecordId, readonly StoredMessage[]>();
  const taken = new Set<string>();
  return {
    stage(id, messages, now) {
      if (messages.length === 0) return;
      const wanted = new Set<string>();
      for (const { topic, key } of messages) {
        const pair = JSON.stringify([topic, key]);
        if (taken.has(pair) || wanted.has(pair))
          throw new Error(`The message key ${key} of the topic ${topic} is taken.`);
        wanted.add(pair);
      }
      const staged = messages.map((message) => ({
        ...message,
        payload: copyBytes(message.payload),
        stagedAt: now,
      }));
      byOperation.set(id, [...(byOperation.get(id) ?? []), ...staged]);
      for (const pair of wanted) taken.add(pair);
    },
    of: (id) =>
      (byOperation.get(id) ?? []).map((message) => ({
        ...message,
        payload: copyBytes(message.payload),
      })),
  };
}
