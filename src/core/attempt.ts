import { backoffMs } from "../model/backoff.ts";
import { decide, type EndDecision } from "../model/decide.ts";
import { isNevertwiceError } from "../model/errors.ts";
import type { Doubt } from "../model/operation.ts";
import { fail, judgeStatus, type Outcome } from "../model/outcome.ts";
import type { Snapshot, Suspension } from "../store.ts";
import { type CurrentOperation, runAs } from "./current.ts";
import { type Definition, parseInput } from "./definition.ts";
import { keepLease } from "./lease.ts";
import { asFirst, createOp, currentOf } from "./op.ts";
import { type Passing, type Performed, refuse } from "./performed.ts";
import type { Ports } from "./ports.ts";
import { createRun, insist, type Run, recordOf } from "./run.ts";
import { judge, toPerformed, toReplay, toSettlement } from "./settlement.ts";
import { eventOf } from "./steps.ts";

/** A handler that comes with its request; its answer is bytes already. */
export type OpaqueHandler = (current: CurrentOperation) => Promise<Omit<Passing, "kind">>;

/** How an attempt ended; `stale` means that the record must answer instead. */
export type AttemptEnd = Performed | "stale";

/** What the handler came to: an outcome to store, a passing answer, or an error. */
type Ending =
  | { readonly kind: "settle"; readonly outcome: Outcome }
  | { readonly kind: "passing"; readonly answer: Passing }
  | { readonly kind: "error"; readonly error: unknown; readonly status: number | undefined };

/** The wait before a doubt may be looked at again when nothing but a person can settle it. */
const DOUBT_RETRY_MS = 5_000;
const ERROR_LENGTH_MAX = 500;

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
  ports.events.emit({ ...eventOf(run), type, attempt: snapshot.record.attempts });
  try {
    const lost = new Promise<"lost">((resolve) => {
      lease.onLost(() => resolve("lost"));
    });
    // A handler that outlives its claim goes on alone; its client is answered from the record.
    const ending = await Promise.race([runHandler(run, definition, opaque), lost]);
    const lostIt = ending === "lost" || lease.lost;
    const result = run.settled ?? (lostIt ? "stale" : await end(run, definition, ending));
    if (result === "stale") ports.events.emit({ ...eventOf(run), type: "operation.stale" });
    return result;
  } finally {
    lease.stop();
  }
}

async function runHandler(
  run: Run,
  definition: Definition,
  opaque: OpaqueHandler | undefined,
): Promise<Ending> {
  try {
    const ending = opaque ? await runOpaque(run, opaque) : await runDeclared(run, definition);
    await settled(run);
    return ending;
  } catch (error) {
    await settled(run);
    return { kind: "error", error, status: statusOf(error) };
  }
}

/** Steps that the handler did not await still get to record their results. */
async function settled(run: Run): Promise<void> {
  while (run.pending.size > 0) await Promise.allSettled([...run.pending]);
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
  const returned = await runAs(op, () => handler(op, input));
  const judged = judge(returned);
  if (judged.verdict === "settle") return { kind: "settle", outcome: judged.outcome };
  const { status, headers, body } = judged.outcome;
  if (judged.verdict === "passing")
    return { kind: "passing", answer: { kind: "passing", status, headers, body } };
  return { kind: "error", error: new Error(`The handler returned the status ${status}.`), status };
}

async function runOpaque(run: Run, opaque: OpaqueHandler): Promise<Ending> {
  const current = currentOf(run);
  const answer = await runAs(current, () => opaque(current));
  const verdict = judgeStatus(answer.status);
  // Its own 408 may tell of a call that timed out; the rules take it for a failure.
  const passing = verdict === "passing" && answer.status !== 408;
  if (passing) return { kind: "passing", answer: { kind: "passing", ...answer } };
  if (verdict === "succeeded" || verdict === "failed")
    return { kind: "settle", outcome: { ...answer, kind: verdict } };
  const error = new Error(`The handler answered ${answer.status}.`);
  return { kind: "error", error, status: answer.status };
}

/** The HTTP status that an error carries, as the errors of all frameworks do. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || isNevertwiceError(error)) return undefined;
  const status: unknown =
    "status" in error ? error.status : "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 && status <= 599 ? status : undefined;
}

async function end(run: Run, definition: Definition, ending: Ending): Promise<AttemptEnd> {
  if (ending.kind === "settle" && run.suspended === undefined) {
    const decision = decide(recordOf(run), { type: "settle", kind: ending.outcome.kind });
    if (decision.kind === "settle") return settle(run, ending.outcome);
    return endWithout(
      run,
      definition,
      { kind: "error", error: new Error(decision.code), status: undefined },
      "settle-failed",
    );
  }
  return endWithout(run, definition, ending, undefined);
}

async function settle(run: Run, outcome: Outcome): Promise<AttemptEnd> {
  const { ports, lease, record } = run;
  const settlement = toSettlement(ports, record.id, outcome, []);
  const end = await insist(
    run,
    () => ports.store.settle(lease.holder, settlement),
    (read) => read.fence === lease.holder.fence && read.outcome !== undefined,
  );
  if (end.kind === "answered" && end.value !== "done") return "stale";
  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, end.error);
  ports.events.emit({ ...eventOf(run), type: "operation.settled", outcome: outcome.kind });
  const stored = end.kind === "landed" ? end.record.outcome : undefined;
  return stored ? asFirst(toReplay(ports, record.id, stored)) : toPerformed(outcome);
}

async function endWithout(
  run: Run,
  definition: Definition,
  ending: Ending,
  declared: Doubt | undefined,
): Promise<AttemptEnd> {
  const { ports, record } = run;
  const error = run.suspended?.error ?? (ending.kind === "error" ? ending.error : undefined);
  const decision = decide(recordOf(run), {
    type: "end",
    attemptsMax: ports.settings.attemptsMax,
    afterCrash: typeof definition.afterCrash === "string" ? definition.afterCrash : "probe",
    backoffMs: backoffMs(record.attempts, ports.random.fraction(), ports.settings.backoff),
    ...statusPart(run, ending),
    ...(run.suspended?.parked ? { parked: true } : {}),
    ...doubtPart(run, declared),
  });
  if (decision.kind === "settle-failed-outcome") return settle(run, thrownOutcome(ending));
  if (error !== undefined) ports.events.emit({ ...eventOf(run), type: "attempt.failed", error });
  return suspendWith(run, decision, ending, error);
}

function statusPart(run: Run, ending: Ending): { status?: number } {
  if (run.suspended) return {};
  const status =
    ending.kind === "passing"
      ? ending.answer.status
      : ending.kind === "error"
        ? ending.status
        : undefined;
  return status === undefined ? {} : { status };
}

function doubtPart(run: Run, declared: Doubt | undefined): { doubt?: Doubt } {
  const standing = [...run.steps.values()].some(
    (step) => step.kind === "external" && step.result?.kind === "succeeded",
  );
  const doubt =
    run.suspended?.doubt ?? declared ?? (run.settleThrew && standing ? "settle-failed" : undefined);
  return doubt === undefined ? {} : { doubt };
}

/** The outcome of a thrown 4xx. */
function thrownOutcome(ending: Ending): Outcome {
  const error = ending.kind === "error" ? ending.error : undefined;
  const message = error instanceof Error ? error.message : "The operation failed.";
  return judge(fail({ error: message }, ending.kind === "error" ? ending.status : undefined))
    .outcome;
}

async function suspendWith(
  run: Run,
  decision: Exclude<EndDecision, { kind: "settle-failed-outcome" }>,
  ending: Ending,
  error: unknown,
): Promise<AttemptEnd> {
  const { ports, lease } = run;
  const suspension = toSuspension(decision, error);
  const end = await insist(
    run,
    () => ports.store.suspend(lease.holder, suspension),
    (read) => read.fence === lease.holder.fence && read.state === suspension.state,
  );
  if (end.kind === "answered" && end.value !== "done") return "stale";
  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, error ?? end.error);
  if (decision.kind === "release")
    return ending.kind === "passing" ? ending.answer : refuse("retry-scheduled", 0, error);
  if (decision.kind === "wait") {
    ports.events.emit({ ...eventOf(run), type: "operation.waiting", dueInMs: decision.dueInMs });
    return refuse("retry-scheduled", decision.dueInMs, error);
  }
  ports.events.emit({
    ...eventOf(run),
    type: "operation.in-doubt",
    doubt: decision.doubt,
    dueInMs: decision.dueInMs,
  });
  return refuse("in-doubt", decision.dueInMs ?? DOUBT_RETRY_MS, error);
}

function toSuspension(
  decision: Exclude<EndDecision, { kind: "settle-failed-outcome" }>,
  error: unknown,
): Suspension {
  const text = error === undefined ? {} : { error: describeError(error) };
  if (decision.kind === "release")
    return { state: "waiting", dueInMs: 0, countAttempt: false, ...text };
  if (decision.kind === "wait")
    return { state: "waiting", dueInMs: decision.dueInMs, countAttempt: true, ...text };
  return {
    state: "in_doubt",
    doubt: decision.doubt,
    dueInMs: decision.dueInMs,
    countAttempt: true,
    ...text,
  };
}

/** One bounded line about an error; its cause says what a suspended run met. */
function describeError(error: unknown): string {
  const cause =
    error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  const text = error instanceof Error ? `${error.name}: ${error.message}${cause}` : String(error);
  return text.replaceAll("\0", "").toWellFormed().slice(0, ERROR_LENGTH_MAX);
}
