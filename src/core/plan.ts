import { NevertwiceError } from "../model/errors.ts";
import { type Built, type Statement, toStatement } from "../model/statement.ts";
import type { Answer, AtomicAnswer, ClaimRequest, Settlement, Snapshot } from "../store.ts";
import { type AtomicOp, atomicWork, type Carried, conclude } from "./atomic.ts";
import type { Definition } from "./definition.ts";
import { parseInput } from "./definition.ts";
import type { Performed, Settled } from "./performed.ts";
import { type Ports, within } from "./ports.ts";
import { isThenable } from "./steps.ts";

/** The hands of a plan: it writes nothing by itself, it says what is to be written. */
export interface PlanOp extends Omit<AtomicOp<never>, "tx"> {
  /**
   * Adds a statement that commits with the claim and the outcome, after those added before.
   *
   * @param statement its text with the placeholders of the database (`$1` in Postgres, `?` in
   *   SQLite) and then its values, or a query of Drizzle's or Kysely's
   * @throws option-invalid for several statements in one text, and for a value that is a list or an
   *   object
   * @example op.write("INSERT INTO orders VALUES ($1, $2)", [op.key, order.amount]);
   */
  write(statement: string | Built, values?: readonly unknown[]): void;
}

/** What a plan came to. */
type Planned =
  | {
      readonly kind: "planned";
      readonly statements: readonly Statement[];
      readonly settlement: Settlement;
      readonly value: Settled;
    }
  | { readonly kind: "threw"; readonly error: unknown };

/**
 * An operation whose writes are known before its claim is: claim, statements, outcome and messages
 * are one message to the database, which may carry those of other operations too.
 */
export async function runPlanned(
  ports: Ports,
  definition: Definition,
  request: ClaimRequest,
  raw: Uint8Array,
): Promise<Performed | { readonly snapshot: Snapshot }> {
  const planned = makePlan(ports, definition, request, await parseInput(definition, raw));
  checkTables(ports, planned);
  const answer = await within(ports, carry(ports, request, planned));
  return conclude(ports, definition, request, answer);
}

/** @throws capability-missing for writes to a store that has no tables of the user's */
function checkTables({ store }: Ports, planned: Planned): void {
  if (store.carryOut || planned.kind === "threw" || planned.statements.length === 0) return;
  throw new NevertwiceError(
    "capability-missing",
    "This store has no tables for the writes of a plan: use Postgres or SQLite, or a `handler`.",
  );
}

async function carry(
  ports: Ports,
  request: ClaimRequest,
  planned: Planned,
): Promise<Answer<AtomicAnswer<Carried>>> {
  const { store } = ports;
  // Its failure is this request's alone: a duplicate is answered from the record first.
  if (planned.kind === "threw")
    return store.atomic(request, () => {
      throw planned.error;
    });
  const { statements, settlement, value } = planned;
  const carried = { value, staged: settlement.messages.length };
  if (store.carryOut !== undefined) {
    const answer = await store.carryOut(request, { statements, settlement });
    return answer.kind === "ok" && answer.value.kind === "committed"
      ? { kind: "ok", value: { ...answer.value, value: carried } }
      : (answer as Answer<Exclude<AtomicAnswer<Carried>, { kind: "committed" }>>);
  }
  return store.atomic(request, () => ({ settlement, value: carried }));
}

function makePlan(
  ports: Ports,
  definition: Definition,
  request: ClaimRequest,
  input: unknown,
): Planned {
  const statements: Statement[] = [];
  const add: PlanOp["write"] = (given, values) => {
    statements.push(toStatement(given, values));
  };
  const plan = definition.handler as unknown as (op: PlanOp, input: unknown) => unknown;
  try {
    const work = atomicWork(ports, request, (hands) => plan({ ...hands, write: add }, input));
    if (isThenable(work)) throw late(work);
    const { settlement, value } = work;
    return { kind: "planned", statements, settlement, value: value.value };
  } catch (error) {
    return { kind: "threw", error };
  }
}

/** What a promise still does must not end the process. */
function late(work: PromiseLike<unknown>): NevertwiceError {
  work.then(undefined, () => undefined);
  return new NevertwiceError(
    "callback-asynchronous",
    "A plan says at once what is to be written. Read what it needs before, or use a `handler`.",
  );
}
