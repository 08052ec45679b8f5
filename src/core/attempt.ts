import { decide } from "../model/decide.ts";
import { isNevertwiceError } from "../model/errors.ts";
import { judgeStatus, type Outcome } from "../model/outcome.ts";
import type { Snapshot } from "../store.ts";
import { compensateAll, isCompensable, isConstraint, takenBack } from "./compensate.ts";
import { type CurrentOperation, runAs } from "./current.ts";
import { type Definition, parseInput } from "./definition.ts";
import { type Ending, endWithout, settle } from "./ending.ts";
import { keepLease } from "./lease.ts";
import { createOp, currentOf } from "./op.ts";
import { unseenFailure } from "./pending.ts";
import type { AttemptEnd, Passing } from "./performed.ts";
import type { Ports } from "./ports.ts";
import { createRun, type Run } from "./run.ts";
import { judge } from "./settlement.ts";
import { eventOf } from "./steps.ts";
import { isCompensating, refuseUnmet } from "./visits.ts";

/** A handler that comes with its request; its answer is bytes already. */
export type OpaqueHandler = (current: CurrentOperation) => Promise<Omit<Passing, "kind">>;

/** Runs the handler under a fresh claim, and ends the attempt in the store. */
export async function runAttempt(
  ports: Ports,
  definition: Definition,
  snapshot: Snapshot,
  opaque: OpaqueHandler | undefined,
): Promise<AttemptEnd> {
  const lease = keepLease(ports, definition.name, snapshot);
  const run = createRun(ports, lease, snapshot);
  const first = snapshot.record.attempts === 1;
  const type = first ? "operation.claimed" : "operation.recovered";
  if (ports.events.isHeard())
    ports.events.emit({ ...eventOf(run), type, attempt: snapshot.record.attempts });
  try {
    const ending = await endingOf(run, definition, opaque);
    const result =
      run.settled ?? (ending === "lost" ? "stale" : await end(run, definition, ending));
    if (result === "stale") ports.events.emit({ ...eventOf(run), type: "operation.stale" });
    return result;
  } finally {
    lease.stop();
  }
}

/** A handler that outlives its claim goes on alone; its client is answered from the record. */
function endingOf(
  run: Run,
  definition: Definition,
  opaque: OpaqueHandler | undefined,
): Promise<Ending | "lost"> {
  return new Promise((resolve) => {
    run.lease.onLost(() => resolve("lost"));
    // It never rejects. A race would also make a promise that is lost with nearly every run.
    void runHandler(run, definition, opaque).then(resolve);
  });
}

async function runHandler(
  run: Run,
  definition: Definition,
  opaque: OpaqueHandler | undefined,
): Promise<Ending> {
  let ending: Ending;
  try {
    ending = opaque ? fromAnswer(await answerOf(run, opaque)) : await runDeclared(run, definition);
  } catch (error) {
    ending = toError(error);
  }
  // Steps that the handler did not await still get to record their results.
  const unseen = await unseenFailure(run);
  // Nobody has decided that the operation succeeds without that step.
  const succeeds = ending.kind === "settle" && ending.outcome.kind === "succeeded";
  return unseen && succeeds ? toError(unseen.error) : ending;
}

function toError(error: unknown): Ending {
  return { kind: "error", error, status: statusOf(error) };
}

async function runDeclared(run: Run, definition: Definition): Promise<Ending> {
  const { ports, record } = run;
  const stored = record.request && ports.sealer.open(record.id, "input", record.request.input);
  if (stored === undefined || definition.handler === undefined) {
    run.suspended = { error: new Error("The stored input cannot be read."), doubt: "unreadable" };
    throw run.suspended.error;
  }
  const input = await parseInput(definition, stored).catch((error: unknown) => {
    // The input was valid when it was stored, so the definition has changed under it.
    run.suspended = { error, doubt: "definition-changed" };
    throw error;
  });
  const op = createOp(run);
  const handler = definition.handler as (op: unknown, input: unknown) => unknown;
  const returned = await runAs(op, { house: ports, id: record.id }, () => handler(op, input));
  const judged = judge(returned);
  if (judged.verdict === "settle") {
    refuseUnmet(run);
    return { kind: "settle", outcome: judged.outcome };
  }
  const { status, headers, body } = judged.outcome;
  if (judged.verdict === "passing")
    return { kind: "passing", answer: { kind: "passing", status, headers, body } };
  return { kind: "error", error: new Error(`The handler returned the status ${status}.`), status };
}

function answerOf(run: Run, opaque: OpaqueHandler): ReturnType<OpaqueHandler> {
  const current = currentOf(run);
  return runAs(current, { house: run.ports, id: run.record.id }, () => opaque(current));
}

/** What the answer of a wrapped handler means. */
function fromAnswer(answer: Omit<Passing, "kind">): Ending {
  const { status } = answer;
  const verdict = judgeStatus(status);
  // Its own 408 may tell of a call that timed out; the rules take it for a failure.
  const passing = verdict === "passing" && status !== 408;
  if (passing) return { kind: "passing", answer: { kind: "passing", ...answer } };
  if (verdict === "succeeded" || verdict === "failed")
    return { kind: "settle", outcome: { ...answer, kind: verdict } };
  return { kind: "error", error: new Error(`The handler answered ${status}.`), status };
}

/** The HTTP status that an error carries, as the errors of all frameworks do. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || isNevertwiceError(error)) return undefined;
  const status: unknown =
    "status" in error ? error.status : "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 && status <= 599 ? status : undefined;
}

function end(run: Run, definition: Definition, ending: Ending): Promise<AttemptEnd> {
  if (ending.kind === "settle" && run.suspended === undefined) {
    const decision = decide(run.recordNow(), { type: "settle", kind: ending.outcome.kind });
    const compensating = isCompensating(run);
    if (decision.kind === "settle" && !compensating) return settle(run, ending.outcome);
    const failed = ending.outcome.kind === "failed";
    if ((failed || compensating) && isCompensable(run, definition))
      return takeBack(run, definition, failed ? ending.outcome : takenBack());
    const code = decision.kind === "settle" ? "effect-uncompensated" : decision.code;
    return endWithout(
      run,
      definition,
      { kind: "error", error: new Error(code), status: undefined },
      "settle-failed",
    );
  }
  if (ending.kind === "error" && run.settleThrew && isForGood(run, ending.error)) {
    if (isCompensable(run, definition)) return takeBack(run, definition, takenBack());
  }
  return endWithout(run, definition, ending, undefined);
}

/** Settling again would fail again, or was tried often enough. */
function isForGood(run: Run, error: unknown): boolean {
  if (run.suspended) return false;
  const last = run.record.attempts >= run.ports.settings.attemptsMax;
  return last || isConstraint(error) || isCompensating(run);
}

/** Takes every effect back, and then ends the operation as failed. */
async function takeBack(run: Run, definition: Definition, outcome: Outcome): Promise<AttemptEnd> {
  try {
    await compensateAll(run, definition);
  } catch (error) {
    return endWithout(
      run,
      definition,
      { kind: "error", error, status: undefined },
      "settle-failed",
    );
  }
  return settle(run, outcome);
}
