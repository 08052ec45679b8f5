import type { OnlyJson } from "../model/json.ts";
import type { Result } from "../model/outcome.ts";
import type { CallbackMode } from "../store.ts";
import { compensateStep } from "./compensate.ts";
import type { CurrentOperation } from "./current.ts";
import { refuseNested } from "./current.ts";
import { keyOf } from "./derived-key.ts";
import type { Effect } from "./effect.ts";
import { externalStep } from "./external.ts";
import type { EffectResult } from "./judgement.ts";
import { LeaseSignal } from "./lease.ts";
import { pending } from "./pending.ts";
import type { Performed, Settled } from "./performed.ts";
import { checkAlive, type Run } from "./run.ts";
import { judge, toPerformed, toReplay, toSettlement, type Write } from "./settlement.ts";
import { atomicStep, type Callback, eventOf, transact, withWrite } from "./steps.ts";
import { refuseCompensating, refuseUnmet } from "./visits.ts";

/** What `op.settle` gives, to be returned by the handler. */
export interface Ended<R> {
  readonly [ENDED]: R;
}

declare const ENDED: unique symbol;

/** The operation in its handler's hands. */
export interface Op<Tx, Mode extends CallbackMode> extends CurrentOperation {
  /**
   * A step that commits with the user's own writes, once.
   *
   * @param callback gets the user's own client inside a transaction, and `write` to stage messages
   * @returns what the callback returned, from the record if an earlier attempt took the step
   * @throws step-repeated, step-nested, operation-suspended, and whatever the callback throws
   */
  atomic<T>(
    name: string,
    callback: (tx: Tx, write: Write) => Callback<Mode, T>,
    ...check: OnlyJson<T>
  ): Promise<T>;
  /**
   * A step that changes someone else's system, at most once as far as its provider honours keys.
   *
   * @throws step-repeated, step-nested, namespace-missing, operation-suspended
   */
  external<Value, Decline = never>(
    name: string,
    effect: Effect<Value, Decline>,
  ): Promise<EffectResult<Value, Decline>>;
  /**
   * Takes the effect of a step back, once: recorded and retried like any external step. A declined
   * one leaves the operation in doubt.
   *
   * @throws step-not-standing, step-unfinished, step-repeated, operation-suspended
   * @example await op.compensate("charge", payments.refund({ charge: charge.value.id }));
   */
  compensate<Value, Decline = never>(
    step: string,
    effect: Effect<Value, Decline>,
  ): Promise<EffectResult<Value, Decline>>;
  /**
   * Ends the operation: its outcome, the user's last writes and the messages commit together.
   *
   * @throws step-unfinished, effect-uncompensated, operation-suspended, and whatever the callback
   *   throws
   */
  settle<R>(callback: (tx: Tx, write: Write) => Callback<Mode, R>): Promise<Ended<R>>;
}

/** What a handler's return value means for the body that `run()` gives. */
export type BodyOf<R> =
  R extends Ended<infer Inner> ? BodyOf<Inner> : R extends Result<infer Body> ? Body : R;

export function createOp(run: Run): Op<unknown, CallbackMode> {
  const atomic = (name: string, callback: never): Promise<unknown> =>
    pending(run, atomicStep(run, name, callback));
  const op = currentOf(run);
  const steps: Omit<Op<unknown, CallbackMode>, keyof CurrentOperation> = {
    atomic: atomic as never,
    external: (name, effect) => pending(run, externalStep(run, name, effect)),
    compensate: (name, effect) => pending(run, compensateStep(run, name, effect)),
    settle: (callback) => pending(run, settleStep(run, callback as never)),
  };
  // A spread would ask for the signal, which is made only for those who want it.
  return Object.assign(op, steps);
}

/** The part of `op` that `currentOperation()` gives anywhere. */
export function currentOf(run: Run): CurrentOperation {
  const assertOwner = (): Promise<void> => run.lease.assertOwner();
  // Made in the constructor, these two would keep each run in memory until a full collection.
  return new Current(run, assertOwner, (step) => keyOf(run, step));
}

class Current extends LeaseSignal implements CurrentOperation {
  readonly name: string;
  readonly scope: string;
  readonly key: string;
  readonly attempt: number;
  readonly assertOwner: () => Promise<void>;
  readonly providerKey: (step: string) => string;

  constructor(
    { record, lease }: Run,
    assertOwner: () => Promise<void>,
    providerKey: (step: string) => string,
  ) {
    super(lease);
    this.name = record.name;
    this.scope = record.request?.scope ?? "";
    this.key = record.request?.key ?? "";
    this.attempt = record.attempts;
    this.assertOwner = assertOwner;
    this.providerKey = providerKey;
  }
}

async function settleStep(
  run: Run,
  callback: (tx: unknown, write: Write) => unknown,
): Promise<never> {
  checkAlive(run);
  refuseNested();
  refuseUnmet(run);
  const { ports, record } = run;
  let made: Settled | undefined;
  let staged = 0;
  run.settleThrew = true;
  refuseCompensating(run);
  const landed = await transact(
    run,
    (tx) =>
      withWrite(
        run,
        "settle",
        (write) => callback(tx, write),
        (returned, messages) => {
          const judged = judge(returned);
          if (judged.verdict !== "settle") throw unsettled(judged.outcome.status);
          made = toPerformed(judged.outcome);
          staged = messages.length;
          const settlement = toSettlement(ports, record.id, judged.outcome, messages);
          return { write: { kind: "settle", settlement }, value: undefined };
        },
      ),
    (read) => read.outcome !== undefined,
  );
  // After a lost answer the callback may have run again; what counts is what was committed.
  const stored = landed?.outcome;
  run.settled = stored ? asFirst(toReplay(ports, record.id, stored)) : made;
  const outcome = (stored ?? made)?.kind ?? "succeeded";
  ports.events.emit({ ...eventOf(run), type: "operation.settled", outcome });
  if (staged > 0) ports.wake();
  return undefined as never;
}

/** The answer of the call that made the outcome, read back from the record. */
export function asFirst(performed: Performed): Performed {
  return "replayed" in performed ? { ...performed, replayed: false } : performed;
}

/** A status such as 503 that a settle callback returned ends the attempt, not the operation. */
function unsettled(status: number): Error {
  return Object.assign(new Error(`The status ${status} cannot be an outcome.`), { status });
}
