import type { NewEvent } from "../../src/store/inbox.ts";
import type { Answer, Store } from "../../src/store.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  objectsOf,
  SOURCE,
  stagedOf,
  taken,
  takenNumbers,
  workOf,
} from "../../src/verify/cases/inbox-sample.ts";
import { answered } from "../../src/verify/cases/sample.ts";
import { DAY_MS, LEASE_MS, type Method } from "./postgres-wire-call.ts";

const changed = (key: string): NewEvent =>
  eventOf(key, { aliases: [`alias-of-${key}`], change: `change-of-${key}` });

async function object(store: Store) {
  await takenNumbers(store, "e", "f");
  return claimedObject(store);
}

/** An event that ended so. */
async function ended(store: Store, kind: "done" | "dead"): Promise<number> {
  await takenNumbers(store, "e");
  const { events, ...holder } = await claimedObject(store);
  const ends =
    kind === "done" ? doneOf(events) : events.map(({ number }) => ({ number, kind, error: "no" }));
  answered(await store.inbox.release(holder, ends));
  return events[0]?.number ?? 0;
}

const writes: readonly Method[] = [
  {
    ...{ name: "inbox.accept", again: "[2]" },
    prepare: async () => (wired) =>
      wired.store.inbox.accept({ events: [changed("e"), changed("f")] }),
  },
  {
    ...{ name: "inbox.accept, cursor", again: "stale" },
    prepare: async () => (wired) =>
      wired.store.inbox.accept({
        events: [changed("e"), changed("f")],
        cursor: { source: SOURCE, from: undefined, to: "page-2" },
      }),
  },
  {
    ...{ name: "inbox.acceptHandled", again: "known" },
    prepare: async () => (wired) =>
      wired.store.inbox.acceptHandled(changed("e"), async (tx, { number }) => {
        await wired.insert(tx);
        return workOf(doneOf([{ number }]), { state: "paid", messages: [stagedOf("m")] });
      }),
  },
  {
    ...{ name: "inbox.claim", again: "[0]" },
    async prepare({ store }) {
      await takenNumbers(store, "e", "f");
      return (wired) => objectsOf(wired.store, { leaseMs: LEASE_MS });
    },
  },
  {
    ...{ name: "inbox.handle", again: "stale" },
    async prepare({ store }) {
      const { events, ...holder } = await object(store);
      return (wired) =>
        wired.store.inbox.handle(holder, async (tx) => {
          await wired.insert(tx);
          return workOf(doneOf(events), { state: "paid", messages: [stagedOf("m")] });
        });
    },
  },
  {
    ...{ name: "inbox.release", again: "stale" },
    async prepare({ store }) {
      const { events, ...holder } = await object(store);
      return (wired) => wired.store.inbox.release(holder, doneOf(events));
    },
  },
  {
    ...{ name: "inbox.arrive", again: "0" },
    async prepare({ store }) {
      const { events, ...holder } = await object(store);
      const wait = { kind: "waiting", dueInMs: LEASE_MS, attempted: true } as const;
      const ends = events.map(({ number }) => ({ number, ...wait, waitsFor: "invoice:in_1" }));
      answered(await store.inbox.release(holder, ends));
      return (wired) => wired.store.inbox.arrive("invoice:in_1");
    },
  },
  {
    ...{ name: "inbox.redeliver", again: "[0]" },
    async prepare({ store }) {
      await ended(store, "dead");
      const ruling = { filter: { limit: 9 }, by: "ada", reason: "mended", dryRun: false };
      return (wired) => wired.store.inbox.redeliver(ruling);
    },
  },
  {
    ...{ name: "inbox.prune", again: "pruned", tiers: true },
    async prepare({ store, skew }) {
      skew.ms = -9 * DAY_MS;
      await ended(store, "done");
      skew.ms = -7 * DAY_MS;
      await taken(store, eventOf("f", { object: "other", state: "unhandled" }));
      skew.ms = 0;
      const wall = Date.now();
      const bodies = { bodyMs: 8 * DAY_MS, keyMs: 99 * DAY_MS };
      answered(await store.inbox.prune({ ...bodies, limit: 9, wall }));
      const tiers = { bodyMs: 6 * DAY_MS, keyMs: 8 * DAY_MS };
      return (wired) => wired.store.inbox.prune({ ...tiers, limit: 9, wall });
    },
  },
];

const reads: readonly Method[] = [
  reading("inbox.cursor", (store) => store.inbox.cursor(SOURCE)),
  reading("inbox.list", (store) => store.inbox.list({ limit: 9 })),
  reading("inbox.read", (store, number) => store.inbox.read(number)),
  reading("inbox.counts", (store) => store.inbox.counts()),
  reading("inbox.rulings", (store) => store.inbox.rulings(9)),
];

function reading(
  name: string,
  call: (store: Store, number: number) => Promise<Answer<unknown>>,
): Method {
  return {
    ...{ name, again: "", reads: true },
    async prepare({ store }) {
      const cursor = { source: SOURCE, from: undefined, to: "page-2" };
      answered(await store.inbox.accept({ events: [], cursor }));
      const number = await ended(store, "dead");
      const ruling = { filter: { limit: 9 }, by: "ada", reason: "asks", dryRun: true };
      answered(await store.inbox.redeliver(ruling));
      return (wired) => call(wired.store, number);
    },
  };
}

/** Every method of the inbox. */
export const INBOX_METHODS: readonly Method[] = [...writes, ...reads];
