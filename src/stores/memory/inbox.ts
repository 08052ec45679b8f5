import type { EventWork, HandleAnswer, InboxStore, ObjectHolder } from "../../store/inbox.ts";
import type { MaybePromise } from "../../store.ts";
import { attempt, attemptLater } from "./answer.ts";
import { copyBytes } from "./copies.ts";
import { eventRecord, memoryEvents } from "./events.ts";
import { accept } from "./inbox-accept.ts";
import { endEvents } from "./inbox-ends.ts";
import { acceptHandled, type HandledPorts } from "./inbox-handled.ts";
import { arrive, counts, foundEvents, pruneEvents, redeliver } from "./inbox-keeping.ts";
import { claim, memoryObjects } from "./inbox-objects.ts";
import type { MemoryMessages } from "./messages.ts";
import { memoryRulings } from "./rulings.ts";
import type { Shelves } from "./shelves.ts";
import type { MemoryTables, MemoryTransaction } from "./tables.ts";

/** The contract of what comes in. */
export function memoryInbox(
  shelves: Shelves,
  tables: MemoryTables,
  messages: MemoryMessages,
  now: () => number,
): InboxStore<MemoryTransaction> {
  const events = memoryEvents(shelves);
  const objects = memoryObjects(shelves);
  const ports: HandledPorts = { events, objects, underWay: new Set(), messages, tables, now };
  const cursors = shelves.map<string, string>();
  const rulings = memoryRulings(shelves, now);
  return {
    accept: async (request) => attempt(() => accept(events, cursors, request, now())),
    acceptHandled: (event, work) => attemptLater(() => acceptHandled(ports, event, work)),
    claim: async (request) => attempt(() => claim(events, objects, ports.underWay, request, now())),
    handle: (holder, work) => attemptLater(() => handle(ports, holder, work)),
    release: async (holder, ends) =>
      attempt(() => {
        const ending = { ends, state: undefined, messages: [], keeps: false };
        return endEvents(events, objects, messages, holder, ending, now());
      }),
    arrive: async (name) => attempt(() => arrive(events, name, now())),
    cursor: async (source) => attempt(() => cursors.get(source)),
    list: async (filter) => attempt(() => foundEvents(events, filter).map(eventRecord)),
    read: async (number) =>
      attempt(() => {
        const row = events.find(number);
        return row && { record: eventRecord(row), body: row.body && copyBytes(row.body) };
      }),
    counts: async () => attempt(() => counts(events)),
    redeliver: async (ruling) => attempt(() => redeliver(events, rulings, ruling, now())),
    rulings: async (limit) => attempt(() => rulings.newest(limit)),
    prune: async (request) => attempt(() => pruneEvents(events, request, now())),
  };
}

/** The user's writes and the ends of events: the fence is looked at last, after the callback. */
function handle<T>(
  { events, objects, messages, tables, now }: HandledPorts,
  holder: ObjectHolder,
  work: (tx: MemoryTransaction) => MaybePromise<EventWork<T>>,
): Promise<HandleAnswer<T>> {
  return tables.transaction<EventWork<T>, HandleAnswer<T>>(work, (ended, apply) => {
    if (ended.kind === "threw") return ended;
    const answer = endEvents(events, objects, messages, holder, ended.value, now());
    if (answer === "stale") return { kind: answer };
    apply();
    return { kind: "committed", value: ended.value.value };
  });
}
