import type { Answer, OperationStore, Store } from "../../src/store.ts";
import { claimedMessage, messagesOf, TOPIC } from "../../src/verify/cases/outbox-sample.ts";
import {
  answered,
  bytes,
  claimed,
  messageOf,
  recordWrite,
  sendOf,
  settlementOf,
  settleWrite,
} from "../../src/verify/cases/sample.ts";
import { DAY_MS, LEASE_MS, type Method, requestOf, type Wired } from "./postgres-wire-call.ts";
import { INBOX_METHODS } from "./postgres-wire-inbox.ts";

const settlement = () => ({ ...settlementOf(), messages: [messageOf("m"), messageOf("n")] });

async function running(store: OperationStore) {
  return (await claimed(store, requestOf("k"))).record;
}

async function begun(store: OperationStore) {
  const record = await running(store);
  answered(await store.begin(record, sendOf("charge")));
  return record;
}

async function doubtful(store: OperationStore) {
  const record = await begun(store);
  const doubt = { state: "in_doubt", doubt: "effect-unknown", dueInMs: undefined } as const;
  answered(await store.suspend(record, { ...doubt, countAttempt: true }));
  return record;
}

async function settled(store: OperationStore, key = "k") {
  const { record } = await claimed(store, requestOf(key));
  answered(await store.settle(record, { ...settlementOf(), messages: [messageOf(key)] }));
  return record;
}

const EVIDENCE = {
  step: "charge",
  source: "person",
  finding: "executed",
  reference: "ch_1",
  by: "ada",
} as const;

const claims: readonly Method[] = [
  {
    ...{ name: "claim", again: "found" },
    prepare: async () => (wired) => wired.store.claim(requestOf("k")),
  },
  {
    ...{ name: "claim, cold", again: "found", cold: true },
    prepare: async () => (wired) => wired.store.claim(requestOf("k")),
  },
  {
    ...{ name: "takeOver", again: "stale" },
    async prepare({ store }) {
      const { record } = await claimed(store, requestOf("k", { leaseMs: 1 }));
      const request = { id: record.id, fence: record.fence, attemptId: "next" };
      return (wired) =>
        wired.store.takeOver({ ...request, leaseMs: LEASE_MS, runForMs: 5 * LEASE_MS });
    },
  },
  {
    ...{ name: "renew", again: "done" },
    async prepare({ store }) {
      const record = await running(store);
      return (wired) => wired.store.renew(record, 2 * LEASE_MS);
    },
  },
];

const steps: readonly Method[] = [
  {
    ...{ name: "begin", again: "done" },
    async prepare({ store }) {
      const record = await running(store);
      return (wired) => wired.store.begin(record, sendOf("charge"));
    },
  },
  {
    ...{ name: "record", again: "stale" },
    async prepare({ store }) {
      const record = await begun(store);
      const end = { kind: "succeeded", value: bytes("1"), reference: "ch_1" } as const;
      return (wired) => wired.store.record(record, "charge", end);
    },
  },
  {
    ...{ name: "note", again: "noted" },
    async prepare({ store }) {
      const { id } = await begun(store);
      return (wired) => wired.store.note(id, EVIDENCE);
    },
  },
  {
    ...{ name: "reopen", again: "settled-before" },
    async prepare({ store }) {
      const { id } = await doubtful(store);
      const proof = { kind: "executed", reference: "ch_1", value: bytes("1") } as const;
      return (wired) => wired.store.reopen(id, { evidence: EVIDENCE, settled: proof });
    },
  },
  {
    ...{ name: "suspend", again: "stale" },
    async prepare({ store }) {
      const record = await running(store);
      const wait = { state: "waiting", dueInMs: LEASE_MS, countAttempt: true } as const;
      return (wired) => wired.store.suspend(record, { ...wait, error: "away" });
    },
  },
];

const ends: readonly Method[] = [
  {
    ...{ name: "settle", again: "stale" },
    async prepare({ store }) {
      const record = await running(store);
      return (wired) => wired.store.settle(record, settlement());
    },
  },
  {
    ...{ name: "transact, settle", again: "refused" },
    async prepare({ store }) {
      const record = await running(store);
      return ({ store: own, insert }) =>
        own.transact(record, async (tx) => {
          await insert(tx);
          return { write: settleWrite(settlement()), value: 7 };
        });
    },
  },
  {
    ...{ name: "transact, record", again: "refused" },
    async prepare({ store }) {
      const record = await running(store);
      return ({ store: own, insert }) =>
        own.transact(record, async (tx) => {
          await insert(tx);
          return { write: recordWrite("reserve", [messageOf("m")]), value: 7 };
        });
    },
  },
  {
    ...{ name: "atomic", again: "found" },
    prepare: async () => (wired) => atomicBy(wired, settlement()),
  },
  {
    ...{ name: "atomic, failed", again: "found" },
    prepare: async () => (wired) => atomicBy(wired, settlementOf({ kind: "failed", status: 422 })),
  },
  {
    ...{ name: "carryOut", again: "found" },
    prepare: async () => (wired) => planned(wired, settlement()),
  },
  {
    ...{ name: "carryOut, failed", again: "found" },
    prepare: async () => (wired) => planned(wired, settlementOf({ kind: "failed", status: 422 })),
  },
  {
    ...{ name: "join", again: "found" },
    prepare:
      async () =>
      ({ joining, insert, store }) =>
        joining(async (tx) => {
          if (store.join === undefined) throw new Error("The store cannot join.");
          return store.join(tx, requestOf("k", { form: "atomic" }), async () => {
            await insert(tx);
            return { settlement: settlement(), value: 7 };
          });
        }),
  },
];

function atomicBy(
  { store, insert }: Wired,
  end: ReturnType<typeof settlementOf>,
): Promise<Answer<unknown>> {
  return store.atomic(requestOf("k", { form: "atomic" }), async (tx) => {
    await insert(tx);
    return { settlement: end, value: 7 };
  });
}

function planned(
  { store, statement }: Wired,
  end: ReturnType<typeof settlementOf>,
): Promise<Answer<unknown>> {
  if (store.carryOut === undefined) throw new Error("The store carries no plans.");
  const planned = { statements: [statement], settlement: end };
  return store.carryOut(requestOf("k", { form: "atomic" }), planned);
}

const reads: readonly Method[] = [
  reading("read", settled, (store, { id }) => store.read(id)),
  reading("due", doubtless, (store) =>
    store.due({ definitions: [{ name: "checkout", version: 1 }], limit: 9 }),
  ),
  reading("list", settled, (store) => store.list({ limit: 9 })),
  reading("messages", settled, (store, { id }) => store.messages(id)),
  reading(
    "evidence",
    async (store) => {
      const record = await begun(store);
      answered(await store.note(record.id, EVIDENCE));
      return record;
    },
    (store, { id }) => store.evidence(id),
  ),
  reading("stepOf", begun, (store) => store.stepOf({ providerKey: "provider-key-of-charge" })),
  {
    // The first time it also remembers the database's history.
    ...reading("namespace", named, (store) => store.namespace("shop")),
    cold: true,
  },
  reading("lineage", running, async (store) =>
    store.lineage === undefined ? { kind: "ok", value: "unknown" } : store.lineage(),
  ),
  {
    ...{ name: "prune", again: "pruned", tiers: true },
    async prepare({ store, skew }) {
      skew.ms = -9 * DAY_MS;
      await settled(store, "older");
      const wall = Date.now();
      skew.ms = 0;
      answered(await store.prune({ responseMs: 8 * DAY_MS, limit: 9, wall }));
      skew.ms = -7 * DAY_MS;
      await settled(store, "old");
      skew.ms = 0;
      const tiers = { responseMs: 6 * DAY_MS, tombstoneMs: 8 * DAY_MS };
      return (wired) => wired.store.prune({ ...tiers, limit: 9, wall });
    },
  },
];

function reading<T>(
  name: string,
  ready: (store: Store) => Promise<T>,
  call: (store: Store, known: T) => Promise<Answer<unknown>>,
): Method {
  return {
    ...{ name, again: "", reads: true },
    async prepare({ store }) {
      const known = await ready(store);
      return (wired) => call(wired.store, known);
    },
  };
}

async function doubtless(store: Store): Promise<void> {
  await claimed(store, requestOf("k", { leaseMs: 1 }));
}

async function named(store: Store): Promise<void> {
  answered(await store.namespace("shop"));
}

const outbox: readonly Method[] = [
  {
    ...{ name: "outbox.claim", again: "[0]" },
    async prepare({ store }) {
      await settled(store);
      return (wired) => messagesOf(wired.store, { leaseMs: LEASE_MS });
    },
  },
  {
    ...{ name: "outbox.end", again: "stale" },
    async prepare({ store }) {
      await settled(store);
      const message = await claimedMessage(store);
      return (wired) => wired.store.outbox.end(message, { kind: "sent", reference: "r_1" });
    },
  },
  {
    ...{ name: "outbox.settle", again: "[0]" },
    async prepare({ store }) {
      await settled(store);
      const message = await claimedMessage(store);
      answered(await store.outbox.end(message, { kind: "in_doubt", error: "away" }));
      const ruling = { filter: { topic: TOPIC, limit: 9 }, by: "ada", reason: "seen" };
      return (wired) => wired.store.outbox.settle({ ...ruling, to: "sent", dryRun: false });
    },
  },
  {
    ...{ name: "outbox.prune", again: "pruned" },
    async prepare({ store, skew }) {
      skew.ms = -9 * DAY_MS;
      await settled(store);
      const message = await claimedMessage(store);
      answered(await store.outbox.end(message, { kind: "sent" }));
      skew.ms = 0;
      const wall = Date.now();
      return (wired) => wired.store.outbox.prune({ sentMs: 8 * DAY_MS, limit: 9, wall });
    },
  },
  reading("outbox.list", settled, (store) => store.outbox.list({ limit: 9 })),
  reading("outbox.rulings", ruled, (store) => store.outbox.rulings(9)),
];

async function ruled(store: Store): Promise<void> {
  const ruling = { filter: { limit: 9 }, by: "ada", reason: "asks", dryRun: true };
  answered(await store.outbox.settle({ ...ruling, to: "sent" }));
}

/** Every method that speaks with the database. */
export const METHODS: readonly Method[] = [
  ...[...claims, ...steps, ...ends, ...reads, ...INBOX_METHODS, ...outbox],
];
