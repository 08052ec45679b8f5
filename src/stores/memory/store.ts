import { type Clock, systemClock } from "../../model/clock.ts";
import type { Statement } from "../../model/statement.ts";
import type {
  Answer,
  AtomicAnswer,
  ClaimRequest,
  Lineage,
  PlannedWork,
  Store,
} from "../../store.ts";
import { attempt, attemptLater } from "./answer.ts";
import { claim, takeOver, type UnderWay } from "./claims.ts";
import { begin, effectsInMemory, record } from "./effects.ts";
import { memoryInbox } from "./inbox.ts";
import { memoryLedger } from "./ledger.ts";
import { memoryMessages } from "./messages.ts";
import { memoryOutbox } from "./outbox.ts";
import { prune } from "./prune.ts";
import { reopen } from "./reopening.ts";
import { due, list } from "./search.ts";
import { createShelves } from "./shelves.ts";
import {
  keepStatement,
  type MemoryTransaction,
  memoryTables,
  type ReadableTable,
} from "./tables.ts";
import { atomic, carryOut, transact } from "./transactions.ts";
import { renewed, settled, suspended } from "./writes.ts";

export type { MemoryTable, MemoryTransaction, ReadableTable } from "./tables.ts";

export interface MemoryStoreOptions {
  readonly clock?: Clock;
  /** Added to the wall clock, in milliseconds; a test moves it instead of sleeping. */
  readonly skew?: { ms: number };
  /**
   * What a statement of a plan does to the tables here, which know no SQL; must be synchronous.
   * Unless set, it becomes a row of the table `statements`.
   */
  readonly write?: (tx: MemoryTransaction, statement: Statement) => void;
}

export interface MemoryStore extends Store<MemoryTransaction, "async"> {
  /** The committed rows of a table of the user's own. */
  table<T>(name: string): ReadableTable<T>;
  carryOut(request: ClaimRequest, planned: PlannedWork): Promise<Answer<AtomicAnswer<undefined>>>;
  lineage(): Promise<Answer<Lineage>>;
  /**
   * Remembers all that is committed now.
   *
   * @returns what brings it back: all later commits are lost, as by a failover to a copy that lags
   *   or a restored backup, and `lineage` tells of it
   */
  checkpoint(): () => void;
}

/**
 * The contract over plain maps, for tests, demos and for reading; nothing survives the process.
 *
 * To learn the protocol, read `writes.ts` and `steps.ts` (what each write makes of a record), then
 * `ledger.ts` (the fence), `claims.ts`, `transactions.ts` and `reopening.ts`; for what comes in and
 * goes out `inbox-objects.ts`, `inbox-ends.ts` and `outbox.ts`.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { clock = systemClock, skew = { ms: 0 }, write = keepStatement } = options;
  const now = (): number => clock.wall() + skew.ms;
  const shelves = createShelves();
  const messages = memoryMessages(shelves);
  const ledger = memoryLedger(shelves, now, messages);
  const effects = effectsInMemory(shelves, now);
  const tables = memoryTables(shelves);
  const settings = shelves.map<"namespace", string>();
  const underWay: UnderWay = new Set();
  let changedAt: number | undefined;
  return {
    capabilities: { callbacks: "async", durable: false, separateLeases: true, noticesDeath: false },
    claim: async (request) => attempt(() => claim(ledger, underWay, request)),
    takeOver: async (request) => attempt(() => takeOver(ledger, request)),
    renew: async (holder, leaseMs) => attempt(() => ledger.write(holder, renewed(leaseMs))),
    begin: async (holder, step) => attempt(() => begin(ledger, effects, holder, step)),
    record: async (holder, name, end) => attempt(() => record(ledger, effects, holder, name, end)),
    note: async (id, evidence) =>
      attempt(() => {
        if (ledger.find(id) === undefined) return "missing";
        effects.note(id, evidence);
        return "noted";
      }),
    evidence: async (id) => attempt(() => effects.evidence(id)),
    stepOf: async (mark) => attempt(() => effects.stepOf(mark)),
    reopen: async (id, reopening) => attempt(() => reopen(ledger, effects, id, reopening)),
    settle: async (holder, settlement) =>
      attempt(() => ledger.write(holder, settled(settlement), settlement.messages)),
    suspend: async (holder, suspension) =>
      attempt(() => ledger.write(holder, suspended(suspension))),
    transact: (holder, work) => attemptLater(() => transact(ledger, tables, holder, work)),
    atomic: (request, work) => attemptLater(() => atomic(ledger, tables, underWay, request, work)),
    carryOut: (request, planned) =>
      attemptLater(() => carryOut(ledger, tables, underWay, request, planned, write)),
    read: async (id) =>
      attempt(() => {
        const record = ledger.find(id);
        return record && ledger.snapshot(record);
      }),
    due: async (request) => attempt(() => due(ledger, request)),
    list: async (filter) => attempt(() => list(ledger, filter)),
    prune: async (request) => attempt(() => prune(ledger, effects, request)),
    messages: async (id) => attempt(() => ledger.messages(id)),
    lineage: async () => ({ kind: "ok", value: { changedAt } }),
    namespace: async (name) => {
      const kept = settings.get("namespace") ?? name;
      settings.set("namespace", kept);
      return { kind: "ok", value: kept };
    },
    inbox: memoryInbox(shelves, tables, messages, now),
    outbox: memoryOutbox(shelves, messages, now),
    // Maps need no tables.
    migrate: async () => [],
    schema: () => "",
    close: async () => {},
    table: (name) => tables.table(name),
    checkpoint() {
      const back = shelves.checkpoint();
      return () => {
        back();
        changedAt = now();
      };
    },
  };
}
