import { createSealer } from "../../core/seal.ts";
import { decodeJson } from "../../model/json.ts";
import type { Doubt, OperationRecord, State } from "../../model/operation.ts";
import type { OutcomeKind } from "../../model/outcome.ts";
import type { MessageRecord } from "../../store/outbox.ts";
import type { Answer } from "../../store.ts";
import type { MemoryStore, ReadableTable } from "../../stores/memory/store.ts";
import { seededRandom } from "./chance.ts";
import type { Ledger } from "./provider.ts";
import type { AnyRequest } from "./request.ts";

/** The world at the end of a history: nothing fails any more, and nothing is under way. */
export interface WorldAtRest<Outside> {
  /** The committed rows of a table that your handlers wrote with `tx.table(name)`. */
  table<T>(name: string): ReadableTable<T>;
  readonly provider: Ledger;
  /** What became of each request that was made. */
  readonly operations: readonly OperationAtRest[];
  /** The messages that were staged, oldest first, and what became of them. */
  readonly messages: readonly MessageRecord[];
  readonly outside: Outside;
}

export interface OperationAtRest {
  readonly operation: string;
  readonly scope: string;
  readonly key: string;
  /** Undefined if not even its claim arrived. */
  readonly state: State | undefined;
  readonly doubt: Doubt | undefined;
  readonly lastError: string | undefined;
  readonly outcome:
    | { readonly kind: OutcomeKind; readonly status: number; readonly body: unknown }
    | undefined;
}

/** False, or a sentence that says what is wrong, or a throw: the invariant does not hold. */
export type Verdict = boolean | string | undefined;

const LIST_MAX = 10_000;
/** Nothing is sealed here, but the bytes still say so. */
const sealer = createSealer(undefined, seededRandom("sealer"));

export async function recordsOf(raw: MemoryStore): Promise<OperationRecord[]> {
  const snapshots = contentOf(await raw.list({ limit: LIST_MAX }));
  return snapshots.map(({ record }) => record);
}

export async function messagesOf(raw: MemoryStore): Promise<readonly MessageRecord[]> {
  return contentOf(await raw.outbox.list({ limit: LIST_MAX })).toReversed();
}

/** @param nameOf what the operation is declared as */
export async function operationsOf(
  raw: MemoryStore,
  requests: readonly AnyRequest[],
  nameOf: (operation: string) => string | undefined,
): Promise<OperationAtRest[]> {
  const records = await recordsOf(raw);
  return requests.map(({ operation, scope, key }) => {
    const name = nameOf(operation);
    const record = records.find(
      (one) =>
        one.name === name &&
        one.request?.origin === "own" &&
        one.request.scope === scope &&
        one.request.key === key,
    );
    const { state, doubt, lastError } = record ?? {};
    return { operation, scope, key, state, doubt, lastError, outcome: outcomeOf(record) };
  });
}

function outcomeOf(record: OperationRecord | undefined): OperationAtRest["outcome"] {
  if (record?.outcome === undefined) return undefined;
  const { kind, status, response } = record.outcome;
  const stored = response?.body ?? new Uint8Array(0);
  return { kind, status, body: decodeJson(sealer.open(record.id, "response", stored) ?? stored) };
}

function contentOf<T>(answer: Answer<T>): T {
  if (answer.kind === "ok") return answer.value;
  throw new Error("The simulation's memory cannot be read.", { cause: answer.error });
}
