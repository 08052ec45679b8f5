import { hash } from "node:crypto";
import {
  type AuthenticEvent,
  nevertwice,
  type Once,
  type OnceOptions,
  type Report,
} from "../../../src/index.ts";
import {
  type MemoryStore,
  type MemoryTransaction,
  memoryStore,
} from "../../../src/stores/memory/store.ts";

/** One memory store, whatever was reported, and processes on it. */
export interface Ground {
  readonly store: MemoryStore;
  readonly reports: Report[];
  /** Moves the database's clock. */
  advance(ms: number): void;
  process(options?: Partial<OnceOptions<MemoryTransaction, "async">>): MemoryOnce;
  /** The committed rows of the table `effects`. */
  effects(): string[];
}

export type MemoryOnce = Once<MemoryTransaction, "async">;

export function ground(): Ground {
  const skew = { ms: 0 };
  const store = memoryStore({ skew });
  const reports: Report[] = [];
  return {
    store,
    reports,
    advance(ms) {
      skew.ms += ms;
    },
    process: (options = {}) =>
      nevertwice({
        store,
        namespace: "test",
        waitMs: 0,
        onEvent: (report) => reports.push(report),
        ...options,
      }),
    effects: () =>
      store
        .table<{ readonly name: string }>("effects")
        .values()
        .map(({ name }) => name),
  };
}

/** An effect that a second run of would show. */
export function effect(tx: MemoryTransaction, name: string): void {
  const table = tx.table<{ readonly name: string }>("effects");
  table.insert(`${name}#${table.values().length}`, { name });
}

/** An event of a payment, or of whatever is said. */
export function event(id: string, given: Partial<AuthenticEvent> = {}): AuthenticEvent {
  const payload = given.payload ?? { id };
  return {
    key: `id:${id}`,
    fingerprint: hash("sha256", JSON.stringify([id, payload]), "buffer"),
    type: "payment.succeeded",
    object: { kind: "payment", id: "pi_1" },
    payload,
    ...given,
  };
}
