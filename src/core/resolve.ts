import { CLOCK_MARGIN_MS } from "../model/clock.ts";
import { isClaimOf } from "../model/operation.ts";
import type { SentStep } from "../model/step.ts";
import { type Effect, KEPT_FOR_MS_DEFAULT, type Way, waysOf } from "./effect.ts";
import { errorLine } from "./error-line.ts";
import { decodeResult, type EffectResult, isNotExecuted } from "./judgement.ts";
import { lineageChange, lostSend } from "./lost-send.ts";
import { within } from "./ports.ts";
import { expectDone, insist, type Run, suspend } from "./run.ts";
import { createCall, type StepPlace, sendStep, watchSleep } from "./send.ts";
import { recordResult } from "./verdict.ts";

/** What one way of resolving a step came to. */
type Tried<Value, Decline> =
  | { readonly kind: "resolved"; readonly result: EffectResult<Value, Decline> }
  /** It may help at a later time, in milliseconds from now; `early` if it only has to wait. */
  | { readonly kind: "later"; readonly inMs: number; readonly early?: boolean }
  /** A look-up found nothing although it had time to. */
  | { readonly kind: "quiet" }
  | typeof CLOSED;

/** The way leads nowhere, now or later. */
const CLOSED = { kind: "closed" } as const;

interface Doubtful<Value, Decline> {
  readonly run: Run;
  readonly place: StepPlace;
  readonly effect: Effect<Value, Decline>;
  readonly known: SentStep;
}

/**
 * Resolves a step whose effect may have happened, by the effect's own ways and in their order.
 *
 * @throws operation-suspended if none of them knows, until the next one may
 */
export async function resolveStep<Value, Decline>(
  run: Run,
  place: StepPlace,
  effect: Effect<Value, Decline>,
  known: SentStep,
): Promise<EffectResult<Value, Decline>> {
  const doubtful = { run, place, effect, known };
  if (known.effect.reference !== undefined) return retrieve(doubtful, known.effect.reference);
  const waits: { readonly inMs: number; readonly early?: boolean }[] = [];
  let quiet = false;
  for (const way of turnsOf(effect, known)) {
    const tried: Tried<Value, Decline> = await tryWay(doubtful, way, quiet);
    if (tried.kind === "resolved") return tried.result;
    if (tried.kind === "later") waits.push(tried);
    // What is not found now may be found later; a person or a webhook may know it sooner.
    if (tried.kind === "quiet") waits.push({ inMs: 0 });
    quiet ||= tried.kind === "quiet";
  }
  const error = new Error(`Nobody knows yet what became of the step "${place.name}".`);
  if (waits.length === 0) return suspend(run, error, "effect-unknown", { parked: true });
  const dueInMs = Math.min(...waits.map(({ inMs }) => inMs));
  const early = waits.every((wait) => wait.early === true);
  return suspend(run, error, "effect-unknown", { dueInMs, early });
}

/** A resend that resolved nothing gives the look-up its turn before the next one. */
function turnsOf(effect: Effect<unknown, unknown>, known: SentStep): readonly Way[] {
  const ways = waysOf(effect);
  if (known.effect.sends.length < 2 || !ways.includes("look-up")) return ways;
  return ["look-up", ...ways.filter((way) => way !== "look-up")];
}

function tryWay<Value, Decline>(
  doubtful: Doubtful<Value, Decline>,
  way: Way,
  quiet: boolean,
): Promise<Tried<Value, Decline>> {
  if (way === "replay") return replay(doubtful, quiet);
  return way === "look-up" ? lookUp(doubtful) : cancel(doubtful);
}

/** Sends again with the same key, while the provider surely remembers it. */
async function replay<Value, Decline>(
  { run, place, effect, known }: Doubtful<Value, Decline>,
  quiet: boolean,
): Promise<Tried<Value, Decline>> {
  if (known.effect.sends.at(-1)?.verdict === "frozen") return CLOSED;
  // A provider that forgets its failures may execute anew what it had executed already.
  if (effect.replayAfterFailure === false && !quiet) return CLOSED;
  // From before the deadline is looked at: a process may stand still between any two lines.
  const watching = watchSleep(run, effect);
  const remembered = isRemembered(run, known, effect.keptForMs ?? KEPT_FOR_MS_DEFAULT);
  if (remembered !== "yes") return remembered === "no" ? CLOSED : { kind: "later", inMs: 0 };
  if ((await lostSend(run, effect)) !== undefined) return CLOSED;
  return { kind: "resolved", result: await sendStep(run, place, effect, known, watching) };
}

/**
 * A provider that has forgotten the key would execute the resend as a new effect. Whichever clock
 * is further ahead counts, so that one that fell back does not open the deadline again; a process
 * whose own clock is wrong leaves the step to another.
 */
function isRemembered(run: Run, known: SentStep, keptForMs: number): "yes" | "no" | "not-here" {
  const until = known.effect.replayUntil ?? known.begunAt + keptForMs;
  const limit = until - CLOCK_MARGIN_MS;
  if (run.databaseNow() >= limit) return "no";
  return run.ports.clock.wall() >= limit ? "not-here" : "yes";
}

async function lookUp<Value, Decline>(
  doubtful: Doubtful<Value, Decline>,
): Promise<Tried<Value, Decline>> {
  const { run, effect, known } = doubtful;
  const { lookUp: way } = effect;
  if (way === undefined) return CLOSED;
  const sentAt = known.effect.sends.at(-1)?.sentAt ?? known.begunAt;
  const quietIn = sentAt + way.quietMs - run.databaseNow();
  let found: unknown;
  try {
    found = await way.find(createCall(run, known, () => undefined));
  } catch (error) {
    await note(doubtful, "unknown", errorLine(error, run.ports));
    return { kind: "later", inMs: 0 };
  }
  if (found !== undefined) {
    const result = await recordResult(run, known, effect, found);
    await note(doubtful, result.kind === "declined" ? "declined" : "executed", undefined);
    return { kind: "resolved", result: decodeResult(result) };
  }
  // A miss proves nothing while a late request may land or an index lags.
  if (quietIn > 0) return { kind: "later", inMs: nextLook(quietIn), early: true };
  const change = await lineageChange(run.ports);
  if (change.kind !== "ok") return { kind: "later", inMs: 0 };
  // Nor while a send may land that a failover forgot.
  const landedIn = (change.value ?? 0) + way.quietMs - run.databaseNow();
  if (landedIn > 0) return { kind: "later", inMs: nextLook(landedIn), early: true };
  await note(doubtful, "not-found", undefined);
  // Without a key the provider could not refuse the second of two sends, if one was only slow.
  const proves = way.absenceProves === true && effect.keyed !== false;
  if (!proves) return { kind: "quiet" };
  return sendAnew(doubtful, "The look-up found nothing, which proves that nothing happened.");
}

/** Looks again sooner than it must, because most lists show an effect long before. */
function nextLook(quietInMs: number): number {
  return Math.max(quietInMs / 2, Math.min(quietInMs, LOOK_MS_LEAST));
}

const LOOK_MS_LEAST = 30_000;

async function cancel<Value, Decline>(
  doubtful: Doubtful<Value, Decline>,
): Promise<Tried<Value, Decline>> {
  const { run, effect, known } = doubtful;
  let proof: unknown;
  try {
    proof = await effect.cancel?.(createCall(run, known, () => undefined));
  } catch (error) {
    await note(doubtful, "unknown", errorLine(error, run.ports));
  }
  return isNotExecuted(proof) ? sendAnew(doubtful, proof.proof) : { kind: "later", inMs: 0 };
}

/** A proof from elsewhere closes the step, and the next send gets a key of its own. */
async function sendAnew<Value, Decline>(
  { run, place, effect, known }: Doubtful<Value, Decline>,
  proof: string,
): Promise<Tried<Value, Decline>> {
  const { ports, lease } = run;
  // A try whose answer was lost may land after the step was begun anew, and must not disprove that.
  const sends = known.effect.sends.length;
  const end = { kind: "not-executed", proven: true, detail: proof, sends } as const;
  const written = await insist(
    run,
    async () => {
      const answer = await ports.store.record(lease.holder, place.name, end);
      return answer as Exclude<typeof answer, { value: "reference-taken" }>;
    },
    (record) =>
      isClaimOf(record, lease.holder) &&
      record.steps.some(({ name, result }) => name === place.name && result !== undefined),
  );
  expectDone(run, written, "effect-unknown");
  const result = { kind: "not-executed", value: new Uint8Array(0) } as const;
  const closed = { ...known, recordedAt: run.databaseNow(), result };
  run.steps.set(place.name, closed);
  lease.saw(1);
  return { kind: "resolved", result: await sendStep(run, place, effect, closed) };
}

/** Gets what a person's word leaves out. */
async function retrieve<Value, Decline>(
  { run, place, effect, known }: Doubtful<Value, Decline>,
  reference: string,
): Promise<EffectResult<Value, Decline>> {
  if (effect.retrieve === undefined) {
    const known = `The step "${place.name}" is known as ${reference}`;
    const detail = `${known}, but its effect has no \`retrieve\`: settle it with its value.`;
    return suspend(run, new Error(detail), "effect-unknown", { parked: true });
  }
  let value: Value;
  try {
    value = await effect.retrieve(
      reference,
      createCall(run, known, () => undefined),
    );
  } catch (error) {
    return suspend(run, error, "effect-unknown");
  }
  return decodeResult(await recordResult(run, known, effect, value));
}

/** What was found is evidence, whatever becomes of the run; losing it loses no safety. */
async function note(
  { run, place }: Doubtful<unknown, unknown>,
  finding: "executed" | "declined" | "not-found" | "unknown",
  detail: string | undefined,
): Promise<void> {
  const reference = run.steps.get(place.name)?.effect?.reference;
  const evidence = {
    ...({ step: place.name, source: "look-up", finding } as const),
    ...(reference === undefined ? {} : { reference }),
    ...(detail === undefined ? {} : { detail }),
  };
  await within(run.ports, run.ports.store.note(run.record.id, evidence));
}
