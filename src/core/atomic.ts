import { isNevertwiceError } from "../model/errors.ts";
import { fail, judgeStatus } from "../model/outcome.ts";
import type {
  Answer,
  AtomicAnswer,
  AtomicWork,
  ClaimRequest,
  MaybePromise,
  Snapshot,
} from "../store.ts";
import { withinAround } from "./around.ts";
import { statusOf } from "./attempt.ts";
import { runInTransaction } from "./current.ts";
import type { Definition } from "./definition.ts";
import { parseInput } from "./definition.ts";
import { type Performed, refuse, type Settled } from "./performed.ts";
import type { Ports } from "./ports.ts";
import { createWrite, judge, toPerformed, toSettlement, type Write } from "./settlement.ts";
import { isThenable } from "./steps.ts";

/** The hands of a handler whose whole work is one transaction. */
export interface AtomicOp<Tx> extends Write {
  /** The user's own client inside the transaction; it dies with the handler. */
  readonly tx: Tx;
  readonly name: string;
  readonly scope: string;
  readonly key: string;
}

/** What an atomic operation leaves for its caller, and how many messages for the relay. */
export interface Carried {
  readonly value: Settled;
  readonly staged: number;
}

/** How a store carries an atomic operation: in a transaction of its own, or in the user's. */
export type Carrier = (
  request: ClaimRequest,
  work: (tx: unknown) => MaybePromise<AtomicWork<Carried>>,
) => Promise<Answer<AtomicAnswer<Carried>>>;

/** Claim, handler, outcome and messages in one transaction; a crash leaves nothing behind. */
export async function runAtomic(
  ports: Ports,
  definition: Definition,
  request: ClaimRequest,
  raw: Uint8Array,
  carry: Carrier = (claim, work) => ports.store.atomic(claim, work),
): Promise<Performed | { readonly snapshot: Snapshot }> {
  const input = await parseInput(definition, raw);
  const handler = definition.handler as (op: AtomicOp<unknown>, input: unknown) => unknown;
  const work = (tx: unknown): MaybePromise<AtomicWork<Carried>> =>
    atomicWork(ports, request, (hands) => handler({ tx, ...hands }, input));
  const answer = await withinAround(ports, (around) =>
    carry(request, (tx) => around(() => work(tx))),
  );
  return conclude(ports, definition, request, answer);
}

/** What the store's answer means to the caller. */
export function conclude(
  ports: Ports,
  definition: Definition,
  request: ClaimRequest,
  answer: Answer<AtomicAnswer<Carried>>,
): Performed | { readonly snapshot: Snapshot } {
  if (answer.kind !== "ok") {
    return isUsers(answer)
      ? failed(ports, definition, request, answer.error)
      : refuse("store-unavailable", 1_000, answer.error);
  }
  switch (answer.value.kind) {
    case "committed": {
      const { value, staged } = answer.value.value;
      tellSettled(ports, request, value);
      if (staged > 0) ports.wake();
      return value;
    }
    case "found":
      return { snapshot: answer.value.snapshot };
    case "busy":
      return refuse("in-progress", 1_000);
    case "key-too-old":
      return refuse("key-too-old");
    case "threw":
      return failed(ports, definition, request, answer.value.error);
  }
}

function tellSettled(ports: Ports, { id, name }: ClaimRequest, { kind }: Settled): void {
  ports.events.emit({ type: "operation.settled", id, name, fence: 1, outcome: kind });
}

/**
 * A refused commit that another try would not cure is the user's, such as a deferred constraint.
 */
function isUsers(answer: Exclude<Answer<unknown>, { kind: "ok" }>): boolean {
  return answer.kind === "not-applied" && !answer.again && !isNevertwiceError(answer.error);
}

/** The transaction rolled back, so that the same key may simply be sent again. */
function failed(
  ports: Ports,
  definition: Definition,
  request: ClaimRequest,
  error: unknown,
): Performed {
  ports.events.emit({
    type: "attempt.failed",
    id: request.id,
    name: definition.name,
    fence: 1,
    error,
  });
  return refuse("retry-scheduled", 1_000, error);
}

/** The handler's part of the transaction, and the settlement that commits with it. */
export function atomicWork(
  ports: Ports,
  { id, name, scope, key }: ClaimRequest,
  handler: (hands: Omit<AtomicOp<unknown>, "tx">) => unknown,
): MaybePromise<AtomicWork<Carried>> {
  const { write, messages, close } = createWrite(ports, id, "atomic");
  const hands = { name, scope, key, stage: write.stage, arrived: write.arrived };
  const finish = (returned: unknown): AtomicWork<Carried> => {
    close();
    const { verdict, outcome } = judge(returned);
    if (verdict !== "settle")
      throw Object.assign(new Error(`The handler returned the status ${outcome.status}.`), {
        status: outcome.status,
      });
    const settlement = toSettlement(ports, id, outcome, messages);
    return { settlement, value: { value: toPerformed(outcome), staged: messages.length } };
  };
  const refuseThrown = (error: unknown): AtomicWork<Carried> => {
    close();
    const status = statusOf(error);
    if (status === undefined || judgeStatus(status) !== "failed") throw error;
    return finish(
      fail({ error: error instanceof Error ? error.message : "The operation failed." }, status),
    );
  };
  try {
    const returned = runInTransaction(() => handler(hands));
    if (!isThenable(returned)) return finish(returned);
    return Promise.resolve(returned).then(finish).catch(refuseThrown);
  } catch (error) {
    return refuseThrown(error);
  }
}
