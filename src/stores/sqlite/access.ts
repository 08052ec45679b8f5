import type { InboxStore } from "../../store/inbox.ts";
import type { OutboxStore } from "../../store/outbox.ts";
import type { Answer } from "../../store.ts";
import { accept, cursorOf } from "./accepting.ts";
import { arrive, counts, listEvents, pruneEvents, readEvent, redeliver } from "./events.ts";
import { acceptHandled, handle, release } from "./handling.ts";
import { listMessages, pruneMessages, settleMessages } from "./messages.ts";
import { claimObjects } from "./objects.ts";
import { claimMessages, endMessage } from "./outbox.ts";
import type { Tables } from "./records.ts";
import { rulings } from "./rulings.ts";
import type { Verdict } from "./transaction.ts";

/** How the store's works reach its tables. */
export interface Access {
  readonly tables: Tables;
  /** The name of the savepoint that callbacks run under. */
  readonly savepoint: string;
  write<T>(run: () => Verdict<T>, callback?: boolean): Promise<Answer<T>>;
  read<T>(run: () => T): Promise<Answer<T>>;
}

/** What comes in. @param tx what callbacks are given */
export function inboxOf<Tx>({ tables, savepoint, write, read }: Access, tx: Tx): InboxStore<Tx> {
  return {
    accept: (request) => write(() => accept(tables, request)),
    acceptHandled: (event, work) =>
      write(() => acceptHandled(tables, savepoint, event, (taken) => work(tx, taken)), true),
    claim: (request) => write(() => claimObjects(tables, request)),
    handle: (holder, work) => write(() => handle(tables, savepoint, holder, () => work(tx)), true),
    release: (holder, ends) => write(() => release(tables, holder, ends)),
    arrive: (name) => write(() => arrive(tables, name)),
    cursor: (source) => read(() => cursorOf(tables, source)),
    list: (filter) => read(() => listEvents(tables, filter)),
    read: (number) => read(() => readEvent(tables, number)),
    counts: () => read(() => counts(tables)),
    redeliver: (ruling) => write(() => redeliver(tables, ruling)),
    rulings: (limit) => read(() => rulings(tables, "inbox", limit)),
    prune: (request) => write(() => pruneEvents(tables, request)),
  };
}

/** What goes out. */
export function outboxOf({ tables, write, read }: Access): OutboxStore {
  return {
    claim: (request) => write(() => claimMessages(tables, request)),
    end: (holder, end) => write(() => endMessage(tables, holder, end)),
    list: (filter) => read(() => listMessages(tables, filter)),
    settle: (ruling) => write(() => settleMessages(tables, ruling)),
    rulings: (limit) => read(() => rulings(tables, "outbox", limit)),
    prune: (request) => write(() => pruneMessages(tables, request)),
  };
}
