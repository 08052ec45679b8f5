import { NevertwiceError } from "../model/errors.ts";
import { encodeJson } from "../model/json.ts";
import { isClaimOf } from "../model/operation.ts";
import {
  nextGeneration,
  progressOf,
  type SendRecord,
  type SentStep,
  type StepBegin,
  type StepRecord,
} from "../model/step.ts";
import { keyOf } from "./derived-key.ts";
import { type Effect, type EffectCall, KEPT_FOR_MS_DEFAULT, SEND_BY_MS_DEFAULT } from "./effect.ts";
import { decodeResult, type EffectResult } from "./judgement.ts";
import { LeaseSignal } from "./lease.ts";
import { lostSend } from "./lost-send.ts";
import { expectDone, insist, type Run, suspendLost } from "./run.ts";
import { eventOf } from "./steps.ts";
import { endInDoubt, endSend } from "./verdict.ts";

/** What the caller of a step says of it besides its effect. */
export interface StepPlace {
  readonly name: string;
  readonly inputDigest: string;
  /** The step that this one takes back. */
  readonly compensates?: string;
}

/**
 * Sends the effect: the send is committed first, under the fence, and its result after it. What it
 * comes to without a result ends the run.
 *
 * @param known what earlier sends left
 * @param watching begun before whatever let the send go ahead was looked at
 */
export async function sendStep<Value, Decline>(
  run: Run,
  place: StepPlace,
  effect: Effect<Value, Decline>,
  known: SentStep | undefined,
  watching?: () => void,
): Promise<EffectResult<Value, Decline>> {
  const asleep = watching ?? watchSleep(run, effect);
  const forgotten = beginsAgain(known) ? await lostSend(run, effect) : undefined;
  const step = await begin(run, toBegin(run, place, effect, known), known);
  // The begin was the last fence check; a claim lost since then must not send.
  if (run.lease.lost) suspendLost(run);
  if (forgotten) return endInDoubt(run, step, "frozen", forgotten);
  const call = createCall(run, step, asleep);
  let returned: unknown;
  try {
    call.checkTime();
    returned = await effect.send(call);
  } catch (error) {
    return decodeResult(await endSend(run, step, effect, { threw: error }));
  }
  return decodeResult(await endSend(run, step, effect, { returned }));
}

/**
 * Whether the record tells of no send under the key that is to be sent. A resend has been looked at
 * before, and a new key is the answer to a proof.
 */
function beginsAgain(known: SentStep | undefined): boolean {
  if (known === undefined) return true;
  return known.result !== undefined && nextGeneration(known) === known.effect.generation;
}

/** The key that was sent stays, unless it is proved that nothing happened under it. */
function toBegin(
  run: Run,
  place: StepPlace,
  effect: Effect<unknown, unknown>,
  known: SentStep | undefined,
): StepBegin {
  const keyed = effect.keyed !== false;
  const generation = known === undefined ? 0 : nextGeneration(known);
  const derived = keyOf(run, place.name, generation, keyed);
  const sent = known?.result === undefined ? known?.effect.providerKey : undefined;
  const request = encodeJson(effect.input);
  return {
    ...place,
    generation,
    lookUp: effect.lookUp !== undefined,
    request: run.ports.sealer.seal(run.record.id, `request:${place.name}`, request),
    ...(keyed ? { providerKey: sent ?? derived } : { mark: derived }),
    ...(keyed ? { keptForMs: effect.keptForMs ?? KEPT_FOR_MS_DEFAULT } : {}),
    ...(effect.target === undefined ? {} : { target: effect.target }),
  };
}

/** The last fence check before bytes leave, also before a resend. */
async function begin(run: Run, step: StepBegin, known: SentStep | undefined): Promise<SentStep> {
  const { ports, lease } = run;
  const open = known?.result === undefined ? known : undefined;
  const sends = known?.effect.sends ?? [];
  const number = (sends.at(-1)?.number ?? 0) + 1;
  const end = await insist(
    run,
    () => ports.store.begin(lease.holder, step),
    (record) => isClaimOf(record, lease.holder) && hasSend(record.steps, step.name, number),
  );
  // Nothing was sent, so a failure here leaves no doubt.
  expectDone(run, end, undefined);
  const now = run.databaseNow();
  const generation = open?.effect.generation ?? step.generation;
  const send: SendRecord = { number, generation, fence: lease.holder.fence, sentAt: now };
  const { name, inputDigest, mark, keptForMs, ...effect } = step;
  const begun: SentStep = {
    ...{ name, inputDigest, kind: "external", fence: lease.holder.fence, begunAt: now },
    ...open,
    effect: { ...effect, compensated: false, ...open?.effect, sends: [...sends, send] },
  };
  run.steps.set(step.name, begun);
  lease.saw(progressOf([begun]) - progressOf(known === undefined ? [] : [known]));
  ports.events.emit({ ...eventOf(run), type: "step.begun", step: step.name });
  return begun;
}

function hasSend(steps: readonly StepRecord[], name: string, number: number): boolean {
  const step = steps.find((known) => known.name === name);
  return step?.effect?.sends.some((send) => send.number === number) === true;
}

/** What `send`, a look-up and the other ways are called with. */
export function createCall(run: Run, step: SentStep, checkTime: () => void): EffectCall {
  const { effect } = step;
  const key = effect.providerKey ?? keyOf(run, step.name, effect.generation, false);
  return Object.assign(new LeaseSignal(run.lease), { key, since: step.begunAt, checkTime });
}

/** Clocks that jump apart by more than this show that the process, or its machine, slept. */
const JUMP_MS = 1_000;

/**
 * Starts to watch for a pause between the commit of a send and its first byte, on both clocks: one
 * of them stands still while a machine sleeps, the other jumps when it is set.
 */
export function watchSleep(
  run: Run,
  effect: Pick<Effect<unknown, unknown>, "sendByMs">,
): () => void {
  const sendByMs = effect.sendByMs ?? SEND_BY_MS_DEFAULT;
  const { clock } = run.ports;
  const start = { wall: clock.wall(), monotonic: clock.monotonic() };
  return () => {
    const wall = clock.wall() - start.wall;
    const monotonic = clock.monotonic() - start.monotonic;
    const late = wall > sendByMs || monotonic > sendByMs;
    if (late || Math.abs(wall - monotonic) > JUMP_MS) throw new NevertwiceError("send-too-late");
    if (run.lease.lost) throw new NevertwiceError("lease-lost");
  };
}
