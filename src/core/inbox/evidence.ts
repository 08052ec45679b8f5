import { NevertwiceError } from "../../model/errors.ts";
import type { EventEvidence } from "../../model/event.ts";
import type { Evidence } from "../../model/evidence.ts";
import type { OperationRecord } from "../../model/operation.ts";
import type { StepName } from "../../model/step.ts";
import type { Answer } from "../../store.ts";
import { keyOf } from "../derived-key.ts";
import { boundedLine } from "../error-line.ts";
import { type Ports, within } from "../ports.ts";
import { reopen } from "../reopen.ts";

/** `held`: a run is under way that may learn it by itself, so the event is looked at later. */
export type EvidenceEnd = "settled" | "held" | "nothing";

/**
 * Brings an event's word on an effect of ours to the step that sent it. A word that is proved
 * settles a step in doubt; one that is only a hint lets the operation ask its provider again.
 *
 * @throws store-unavailable
 */
export async function settleByEvent(
  ports: Ports,
  said: EventEvidence,
  { type, hint }: { readonly type: string; readonly hint: boolean },
): Promise<EvidenceEnd> {
  const named = await stepOf(ports, said);
  if (named === undefined) return "nothing";
  const record = value(await within(ports, ports.store.read(named.id)))?.record;
  if (record === undefined) return "nothing";
  const { reference } = said;
  const evidence: Evidence = {
    step: named.step,
    source: "webhook",
    finding: hint ? "unknown" : said.finding,
    ...(reference === undefined ? {} : { reference: boundedLine(reference) }),
    detail: boundedLine(`${said.provider} sent ${type}`),
  };
  if (said.finding === "unknown") return note(ports, named, evidence);
  if (!isAbout(record, named.step, said)) return note(ports, named, evidence);
  const known = knownOf(ports, record, named.step, said.providerKey);
  if (known !== undefined) return compare(ports, record, evidence, known, said.stands === true);
  const proved = !hint && reference !== undefined;
  const answer = await reopen(ports, named.id, {
    evidence,
    ...(proved
      ? { settled: { kind: "executed" as const, reference: boundedLine(reference) } }
      : {}),
  });
  if (answer === "held") return "held";
  if (answer !== "reopened") return note(ports, named, evidence);
  return "settled";
}

/**
 * Whether the event speaks of what the step makes. A provider may copy our key to what comes of it
 * later, such as from a payment to its capture.
 */
function isAbout({ steps }: OperationRecord, name: string, said: EventEvidence): boolean {
  const target = steps.find((step) => step.name === name)?.effect?.target;
  if (target === undefined) return true;
  return target.provider === said.provider && (said.kind ?? target.kind) === target.kind;
}

async function stepOf(ports: Ports, said: EventEvidence): Promise<StepName | undefined> {
  const { provider, kind, providerKey, reference } = said;
  if (providerKey !== undefined) {
    const found = value(await within(ports, ports.store.stepOf({ providerKey })));
    if (found !== undefined) return found;
  }
  if (kind === undefined || reference === undefined) return undefined;
  return value(await within(ports, ports.store.stepOf({ provider, kind, reference })));
}

interface Known {
  readonly succeeded: boolean;
  readonly reference: string | undefined;
}

/**
 * What the send that carried the key has come to; undefined while nobody knows. One under an
 * earlier key was said to have done nothing, and the sends after it have doubts of their own.
 */
function knownOf(
  ports: Ports,
  record: OperationRecord,
  name: string,
  said: string | undefined,
): Known | undefined {
  const { effect, result } = record.steps.find((one) => one.name === name) ?? {};
  const key = effect?.providerKey ?? keyOf({ ports, record }, name, effect?.generation, false);
  if (said !== undefined && said !== key) return { succeeded: false, reference: undefined };
  if (result === undefined) return undefined;
  return { succeeded: result.kind === "succeeded", reference: effect?.reference };
}

/** An event that agrees with what is known is no news; another one must not be lost. */
async function compare(
  ports: Ports,
  record: OperationRecord,
  evidence: Evidence,
  { succeeded, reference }: Known,
  stands: boolean,
): Promise<EvidenceEnd> {
  if (succeeded && (reference === undefined || reference === evidence.reference)) return "nothing";
  const { id, name, fence } = record;
  const { step } = evidence;
  await note(ports, { id, step }, evidence);
  // An object that was refused exists too, at many providers, and moved no money.
  if (!stands) return "nothing";
  const type = succeeded ? "effect.duplicate" : "effect.orphan";
  ports.events.emit({ type, id, name, fence, step, reference: evidence.reference });
  return "nothing";
}

async function note(ports: Ports, { id }: StepName, evidence: Evidence): Promise<EvidenceEnd> {
  value(await within(ports, ports.store.note(id, evidence)));
  return "nothing";
}

function value<T>(answer: Answer<T>): T {
  if (answer.kind === "ok") return answer.value;
  throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
}
