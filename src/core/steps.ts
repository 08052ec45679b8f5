import { NevertwiceError } from "../model/errors.ts";
import { decodeJson, encodeJson } from "../model/json.ts";
import { digest } from "../model/key.ts";
import { isClaimOf, type OperationRecord } from "../model/operation.ts";
import type { StepRecord } from "../model/step.ts";
import type {
  Answer,
  CallbackMode,
  Fenced,
  MaybePromise,
  TransactAnswer,
  Transacted,
} from "../store.ts";
import { refuseNested, runInTransaction } from "./current.ts";
import { checkAlive, expectDone, insist, type Run, suspend, takeName } from "./run.ts";
import { createWrite, type Write } from "./settlement.ts";
import { meetInOrder } from "./visits.ts";

/**
 * What a transaction's callback may return: a promise only where the store's callbacks may await.
 */
export type Callback<Mode extends CallbackMode, T> = Mode extends "sync"
  ? T extends PromiseLike<unknown>
    ? ["The transaction callbacks of this store are synchronous; await before them."]
    : T
  : MaybePromise<T>;

/** What an atomic step adds to the progress. */
const STEP_AND_RESULT = 2;
const ATOMIC_DIGEST = digest("atomic").toString("hex");

/** An atomic step: the step's record and the user's own writes commit in one transaction, once. */
export async function atomicStep<Tx, T>(
  run: Run,
  name: string,
  callback: (tx: Tx, write: Write) => MaybePromise<T>,
): Promise<T> {
  checkAlive(run);
  refuseNested();
  takeName(run, name);
  await meetInOrder(run, name);
  const known = run.steps.get(name);
  if (known) return recall<T>(run, known);
  let value: Uint8Array = new Uint8Array(0);
  let staged = 0;
  const landed = await transact<Tx, undefined>(
    run,
    (tx) =>
      withWrite(
        run,
        name,
        (write) => callback(tx, write),
        (returned, messages) => {
          value = encodeJson(returned);
          staged = messages.length;
          const sealed = run.ports.sealer.seal(run.record.id, `step:${name}`, value);
          const digests = { name, inputDigest: ATOMIC_DIGEST };
          return {
            write: { kind: "record", ...digests, value: sealed, messages },
            value: undefined,
          };
        },
      ),
    (record) => record.steps.some((step) => step.name === name),
  );
  run.lease.saw(STEP_AND_RESULT);
  // After a lost answer the callback may have run again; what counts is what was committed.
  const stored = landed?.steps.find((step) => step.name === name)?.result;
  if (stored) value = openStep(run, name, stored.value);
  if (staged > 0) run.ports.wake();
  run.ports.events.emit({ ...eventOf(run), type: "step.recorded", step: name });
  return decodeJson(value) as T;
}

/** What an earlier attempt recorded. @throws operation-suspended if the code changed under it */
function recall<T>(run: Run, known: StepRecord): T {
  if (known.kind !== "atomic" || known.result === undefined) {
    const detail = `The step "${known.name}" was recorded as ${known.kind}.`;
    return suspend(run, new NevertwiceError("definition-changed", detail), "definition-changed");
  }
  return decodeJson(openStep(run, known.name, known.result.value)) as T;
}

/** The clear bytes of a recorded step. @throws operation-suspended if they cannot be read */
export function openStep(run: Run, name: string, sealed: Uint8Array): Uint8Array {
  const bytes = run.ports.sealer.open(run.record.id, `step:${name}`, sealed);
  return (
    bytes ?? suspend(run, new Error(`The recorded step "${name}" cannot be read.`), "unreadable")
  );
}

/**
 * Runs a callback with a writer that dies with it, then makes the fenced write of what it returned.
 */
export function withWrite<T, R>(
  run: Run,
  place: string,
  callback: (write: Write) => MaybePromise<T>,
  finish: (returned: T, messages: ReturnType<typeof createWrite>["messages"]) => R,
): MaybePromise<R> {
  const { write, messages, close } = createWrite(run.ports, run.record.id, place);
  let returned: MaybePromise<T>;
  try {
    returned = runInTransaction(() => callback(write));
  } catch (error) {
    close();
    throw error;
  }
  if (!isThenable(returned)) {
    close();
    return finish(returned, messages);
  }
  // The store decides whether it can wait for a callback; a synchronous one refuses the promise.
  const finished = Promise.resolve(returned)
    .then((value) => finish(value, messages))
    .finally(close);
  // Refused promises have nobody to await them, and their failure must not end the process.
  finished.catch(() => undefined);
  return finished;
}

/**
 * Carries a transaction through lost answers.
 *
 * @param landed whether the record shows the transaction as committed under our fence
 * @returns the record if the answer was lost and only it tells what was committed
 * @throws what the callback threw, the refusal, or operation-suspended
 */
export async function transact<Tx, T>(
  run: Run,
  work: (tx: Tx) => MaybePromise<Transacted<T>>,
  landed: (record: OperationRecord) => boolean,
): Promise<OperationRecord | undefined> {
  const { ports, lease } = run;
  let thrown: unknown;
  const once = async (): Promise<Answer<Word>> => {
    const any = work as (tx: unknown) => MaybePromise<Transacted<T>>;
    const answer = await ports.store.transact(lease.holder, any);
    if (answer.kind !== "ok") return answer;
    if (answer.value.kind === "threw") thrown = answer.value.error;
    return { kind: "ok", value: toWord(answer.value) };
  };
  const ours = (record: OperationRecord): boolean =>
    isClaimOf(record, lease.holder) && landed(record);
  const end = await insist(run, once, ours, ports.settings.runForMs);
  if (end.kind === "answered" && end.value === "threw") throw thrown;
  if (end.kind === "answered" && isRefusal(end.value)) throw new NevertwiceError(end.value);
  // A transaction that was definitely not applied leaves the run alive, so the handler may go on.
  if (end.kind === "failed" && end.definite) throw end.error;
  return expectDone(run, end, undefined);
}

type Word = Fenced | "threw";

function isRefusal(word: Word): word is "step-unfinished" | "effect-uncompensated" {
  return word === "step-unfinished" || word === "effect-uncompensated";
}

function toWord<T>(answer: TransactAnswer<T>): Word {
  if (answer.kind === "committed") return "done";
  return answer.kind === "threw" ? "threw" : answer.reason;
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

export function eventOf(run: Run): { id: string; name: string; fence: number } {
  return { id: run.record.id, name: run.record.name, fence: run.record.fence };
}
