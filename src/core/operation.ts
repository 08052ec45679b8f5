import { type ClaimDecision, decide } from "../model/decide.ts";
import type { ErrorCode } from "../model/errors.ts";
import type { RecordId } from "../model/key.ts";
import type { Answer, ClaimAnswer, Snapshot } from "../store.ts";
import { adopt } from "./adopt.ts";
import { runAtomic } from "./atomic.ts";
import { type OpaqueHandler, runAttempt } from "./attempt.ts";
import {
  attemptId,
  type Call,
  type Claim,
  checkInput,
  comparePayload,
  prepareClaim,
} from "./claim.ts";
import { refuseItself, refuseNested } from "./current.ts";
import { type Definition, definitionOf } from "./definition.ts";
import { type Performed, type Refused, refuse } from "./performed.ts";
import { runPlanned } from "./plan.ts";
import { type Ports, within } from "./ports.ts";
import { resume } from "./recover.ts";
import { toReplay } from "./settlement.ts";

/** The first look at a running operation comes soon, later ones do not press the database. */
const POLL_MS_FIRST = 20;
const POLL_MS_MAX = 250;
/** The wait before a doubt may be asked about again. */
const DOUBT_RETRY_MS = 5_000;
/** How often a claim whose answer stays unknown is sent again before the caller is told. */
const CLAIM_TRIES_MAX = 3;

/**
 * The heart: claims the operation and runs it, or answers from its record.
 *
 * @param opaque the handler of a wrapped request; a declared operation brings its own
 * @throws what is wrong with the call itself, before anything is stored
 */
export async function perform(
  ports: Ports,
  definition: Definition,
  call: Call,
  opaque?: OpaqueHandler,
): Promise<Performed> {
  // Inside a transaction another operation would wait for the very locks that it holds.
  refuseNested();
  const claim = prepareClaim(ports, definition, call);
  refuseItself({ house: ports, id: claim.request.id });
  await checkInput(definition, claim);
  const { id, fingerprint } = claim.request;
  const until = ports.clock.monotonic() + (call.waitMs ?? ports.settings.waitMs);
  for (;;) {
    const flight = ports.flights.join(id, fingerprint);
    if (flight === undefined) {
      return await ports.flights.launch(id, fingerprint, () =>
        persist(ports, definition, claim, until, opaque),
      );
    }
    const shared = await waitFor(ports, flight, until);
    if (shared === undefined) return refuse("in-progress", ports.settings.waitMs);
    if (shared.kind === "succeeded" || shared.kind === "failed")
      return { ...shared, replayed: true };
    if (shared.kind === "refused" && shared.code !== "in-progress") return shared;
    // A passing answer belongs to the request that got it; the next one asks the store itself.
    if (ports.clock.monotonic() >= until) return refuse("in-progress", ports.settings.waitMs);
  }
}

/** What a flight came to, or undefined if the wait is over first. */
async function waitFor(
  ports: Ports,
  flight: Promise<Performed>,
  until: number,
): Promise<Performed | undefined> {
  if (ports.flights.waiters >= ports.settings.waitersMax) return undefined;
  ports.flights.waiters += 1;
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => {
    const left = Math.max(until - ports.clock.monotonic(), 0);
    cancel = ports.clock.timer(left, () => resolve(undefined));
  });
  try {
    return await Promise.race([flight, late]);
  } finally {
    ports.flights.waiters -= 1;
    cancel();
  }
}

/** Tries until the operation answers or the wait is over. */
async function persist(
  ports: Ports,
  definition: Definition,
  claim: Claim,
  until: number,
  opaque: OpaqueHandler | undefined,
): Promise<Performed> {
  let pauseMs = POLL_MS_FIRST;
  const { id, fingerprint } = claim.request;
  let attempt = ports.flights.takeUnanswered(id, fingerprint) ?? attemptId(ports);
  let tries = 0;
  /** Whether a run of this call may have had an effect. */
  let doubtful = false;
  for (;;) {
    const step = await stepOnce(ports, definition, claim, attempt, opaque);
    // A run has ended under this id, so that a new claim must not take it for its own.
    if (step === "stale") {
      attempt = attemptId(ports);
      doubtful = true;
      continue;
    }
    if (step.kind !== "refused" || !isWaitable(step.code)) return step;
    const unanswered = step.code === "store-unavailable";
    const ran = step.error !== undefined && !unanswered;
    // A doubt that a resend with the same provider key resolves is worth the wait; a bug is not.
    if (ran && step.code !== "in-doubt") return step;
    doubtful ||= ran;
    // An id that may have run is never adopted again: its effects may be done.
    if (!unanswered && step.code !== "in-progress") attempt = attemptId(ports);
    const left = until - ports.clock.monotonic();
    const due = unanswered || step.code === "in-progress" ? 0 : (step.retryAfterMs ?? 0);
    tries += unanswered ? 1 : 0;
    if (left <= 0 || due > left || tries >= CLAIM_TRIES_MAX) {
      if (unanswered) giveUp(ports, claim, attempt, step.error);
      // A caller is not told that nothing ran after something did.
      return unanswered && doubtful ? refuse("in-doubt", DOUBT_RETRY_MS, step.error) : step;
    }
    const pause = Math.min(pauseMs, left) * (0.5 + ports.random.fraction() / 2);
    await ports.clock.sleep(Math.max(due, pause));
    pauseMs = Math.min(pauseMs * 2, POLL_MS_MAX);
  }
}

/** The claim may still land; then the retry adopts it. */
function giveUp(ports: Ports, claim: Claim, attempt: string, error: unknown): void {
  const { id, name, fingerprint } = claim.request;
  ports.flights.keepUnanswered(id, fingerprint, attempt);
  ports.events.emit({ type: "store.failed", id, name, fence: 0, error });
}

function isWaitable(code: ErrorCode): boolean {
  return (
    code === "in-progress" ||
    code === "retry-scheduled" ||
    code === "in-doubt" ||
    code === "store-unavailable"
  );
}

async function stepOnce(
  ports: Ports,
  definition: Definition,
  claim: Claim,
  attempt: string,
  opaque: OpaqueHandler | undefined,
): Promise<Performed | "stale"> {
  const request = { ...claim.request, attemptId: attempt };
  if (definition.form === "atomic") {
    const run = definition.planned ? runPlanned : runAtomic;
    const found = await run(ports, definition, request, claim.input);
    return "snapshot" in found
      ? meet(ports, definition, claim, attempt, found.snapshot, opaque)
      : found;
  }
  const answer = await within(ports, ports.store.claim(request));
  if (answer.kind === "ok" && answer.value.kind === "claimed")
    return await runAttempt(ports, definition, answer.value.snapshot, opaque);
  if (answer.kind === "ok" && answer.value.kind === "found")
    return meet(ports, definition, claim, attempt, answer.value.snapshot, opaque);
  return refusal(answer);
}

function refusal(answer: Answer<ClaimAnswer>): Refused {
  if (answer.kind !== "ok") return refuse("store-unavailable", 1_000, answer.error);
  return answer.value.kind === "key-too-old" ? refuse("key-too-old") : refuse("in-progress", 1_000);
}

/** A claim that met a record: the rules decide what becomes of it. */
async function meet(
  ports: Ports,
  definition: Definition,
  claim: Claim,
  attempt: string,
  snapshot: Snapshot,
  opaque: OpaqueHandler | undefined,
): Promise<Performed | "stale"> {
  const { record, now } = snapshot;
  const decision: ClaimDecision = decide(record, {
    type: "claim",
    now,
    attemptId: attempt,
    payload: comparePayload(definition, claim, record),
    attemptsMax: ports.settings.attemptsMax,
    afterCrash: typeof definition.afterCrash === "string" ? definition.afterCrash : "probe",
  });
  switch (decision.kind) {
    case "refuse":
      return {
        ...refuse(decision.code, decision.retryAfterMs),
        ...(record.outcome && decision.code !== "key-reused"
          ? { outcome: known(record.outcome) }
          : {}),
      };
    case "replay":
      return replay(ports, record.id, snapshot);
    case "own":
    case "take-over": {
      // A process that has the record's version of the code goes on with it.
      const known = definitionOf(definition, record);
      if (known === undefined) return refuse("version-unknown", DOUBT_RETRY_MS);
      return decision.kind === "own"
        ? adopt(ports, known, snapshot, opaque)
        : resume(ports, known, snapshot, decision.next, attempt, opaque);
    }
  }
}

function known(
  outcome: NonNullable<Snapshot["record"]["outcome"]>,
): NonNullable<Refused["outcome"]> {
  return { kind: outcome.kind, status: outcome.status, reference: outcome.reference };
}

function replay(ports: Ports, id: RecordId, { record }: Snapshot): Performed {
  const { name, fence, outcome } = record;
  ports.events.emit({ type: "operation.replayed", id, name, fence });
  return outcome === undefined ? refuse("in-doubt") : toReplay(ports, id, outcome);
}
