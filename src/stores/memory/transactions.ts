import type { Holder } from "../../model/operation.ts";
import type { Statement } from "../../model/statement.ts";
import type {
  AtomicAnswer,
  AtomicWork,
  ClaimRequest,
  MaybePromise,
  PlannedWork,
  TransactAnswer,
  Transacted,
} from "../../store.ts";
import { occupied, type UnderWay } from "./claims.ts";
import { copyRecord } from "./copies.ts";
import type { MemoryLedger } from "./ledger.ts";
import type { MemoryTables, MemoryTransaction } from "./tables.ts";
import { inserted, settledFrom, written } from "./writes.ts";

/** The user's writes and one fenced write: the fence is looked at last, after the callback. */
export function transact<T>(
  ledger: MemoryLedger,
  tables: MemoryTables,
  holder: Holder,
  work: (tx: MemoryTransaction) => MaybePromise<Transacted<T>>,
): Promise<TransactAnswer<T>> {
  return tables.transaction<Transacted<T>, TransactAnswer<T>>(work, (ended, apply) => {
    if (ended.kind === "threw") return ended;
    const { write, value } = ended.value;
    const { messages } = write.kind === "settle" ? write.settlement : write;
    const fenced = ledger.write(holder, written(write), messages);
    if (fenced !== "done") return { kind: "refused", reason: fenced };
    apply();
    return { kind: "committed", value };
  });
}

/** The whole operation at once: until the commit there is no record, only an id under way. */
export async function atomic<T>(
  ledger: MemoryLedger,
  tables: MemoryTables,
  underWay: UnderWay,
  request: ClaimRequest,
  work: (tx: MemoryTransaction) => MaybePromise<AtomicWork<T>>,
): Promise<AtomicAnswer<T>> {
  const known = occupied(ledger, underWay, request);
  if (known !== undefined) return known;
  const running = copyRecord(inserted(request, ledger.now()));
  underWay.add(running.id);
  try {
    return await tables.transaction<AtomicWork<T>, AtomicAnswer<T>>(work, (ended, apply) => {
      if (ended.kind === "threw") return ended;
      const { settlement, value } = ended.value;
      const succeeded = settlement.outcome.kind === "succeeded";
      const final = settledFrom(running, settlement, ledger.now());
      // A failed outcome is kept, and the callback has then done nothing.
      ledger.keep(final, succeeded ? settlement.messages : []);
      if (succeeded) apply();
      return { kind: "committed", value, snapshot: ledger.snapshot(final) };
    });
  } finally {
    underWay.delete(running.id);
  }
}

/** The same with the statements of a plan; a failed outcome leaves none of them. */
export function carryOut(
  ledger: MemoryLedger,
  tables: MemoryTables,
  underWay: UnderWay,
  request: ClaimRequest,
  { statements, settlement }: PlannedWork,
  write: (tx: MemoryTransaction, statement: Statement) => void,
): Promise<AtomicAnswer<undefined>> {
  return atomic(ledger, tables, underWay, request, (tx) => {
    if (settlement.outcome.kind === "succeeded")
      for (const statement of statements) write(tx, statement);
    return { settlement, value: undefined };
  });
}
