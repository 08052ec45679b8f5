import { backoffMs } from "../model/backoff.ts";
import { decide, type EndDecision } from "../model/decide.ts";
import { type Doubt, isClaimOf } from "../model/operation.ts";
import { fail, type Outcome } from "../model/outcome.ts";
import { standing } from "../model/step.ts";
import type { Suspension } from "../store.ts";
import type { Definition } from "./definition.ts";
import { errorLine } from "./error-line.ts";
import { asFirst } from "./op.ts";
import { type AttemptEnd, type Passing, refuse } from "./performed.ts";
import type { Ports } from "./ports.ts";
import { insist, type Run } from "./run.ts";
import { judge, toPerformed, toReplay, toSettlement } from "./settlement.ts";
import { eventOf } from "./steps.ts";

/** What the handler came to: an outcome to store, a passing answer, or an error. */
export type Ending =
  | { readonly kind: "settle"; readonly outcome: Outcome }
  | { readonly kind: "passing"; readonly answer: Passing }
  | { readonly kind: "error"; readonly error: unknown; readonly status: number | undefined };

/** The wait before a doubt may be looked at again when nothing but a person can settle it. */
const DOUBT_RETRY_MS = 5_000;

/** Ends the attempt and its operation with an outcome. */
export async function settle(run: Run, outcome: Outcome): Promise<AttemptEnd> {
  const { ports, lease, record } = run;
  const settlement = toSettlement(ports, record.id, outcome, []);
  const end = await insist(
    run,
    () => ports.store.settle(lease.holder, settlement),
    (read) => isClaimOf(read, lease.holder) && read.outcome !== undefined,
  );
  if (end.kind === "answered" && end.value !== "done") return "stale";
  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, end.error);
  if (ports.events.isHeard())
    ports.events.emit({ ...eventOf(run), type: "operation.settled", outcome: outcome.kind });
  const stored = end.kind === "landed" ? end.record.outcome : undefined;
  // What is too large to be stored, or is pruned already, is still in our hands.
  return stored?.response ? asFirst(toReplay(ports, record.id, stored)) : toPerformed(outcome);
}

/** Ends the attempt by what the rules make of a run without an outcome. */
export async function endWithout(
  run: Run,
  definition: Definition,
  ending: Ending,
  declared: Doubt | undefined,
): Promise<AttemptEnd> {
  const { ports, record } = run;
  const error = run.suspended?.error ?? (ending.kind === "error" ? ending.error : undefined);
  const decision = decide(run.recordNow(), {
    type: "end",
    attemptsMax: ports.settings.attemptsMax,
    afterCrash: typeof definition.afterCrash === "string" ? definition.afterCrash : "probe",
    backoffMs: backoffMs(record.attempts, ports.random.fraction(), ports.settings.backoff),
    ...statusPart(run, ending),
    ...(run.suspended?.parked ? { parked: true } : {}),
    ...(run.suspended?.early ? { early: true } : {}),
    ...(run.suspended?.dueInMs === undefined ? {} : { dueInMs: run.suspended.dueInMs }),
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
  const stands = standing([...run.steps.values()]).length > 0;
  const doubt =
    run.suspended?.doubt ?? declared ?? (run.settleThrew && stands ? "settle-failed" : undefined);
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
  const suspension = toSuspension(ports, decision, error);
  const end = await insist(
    run,
    () => ports.store.suspend(lease.holder, suspension),
    (read) => isClaimOf(read, lease.holder) && read.state === suspension.state,
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
  ports: Ports,
  decision: Exclude<EndDecision, { kind: "settle-failed-outcome" }>,
  error: unknown,
): Suspension {
  const text = error === undefined ? {} : { error: errorLine(error, ports) };
  if (decision.kind === "release")
    return { state: "waiting", dueInMs: 0, countAttempt: false, ...text };
  if (decision.kind === "wait")
    return { state: "waiting", dueInMs: decision.dueInMs, countAttempt: true, ...text };
  return {
    state: "in_doubt",
    doubt: decision.doubt,
    dueInMs: decision.dueInMs,
    countAttempt: decision.countAttempt,
    ...text,
  };
}
