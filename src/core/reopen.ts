import { NevertwiceError } from "../model/errors.ts";
import type { Evidence, Reopening } from "../model/evidence.ts";
import { encodeJson } from "../model/json.ts";
import { checkKey, type Origin, type RecordId, recordId } from "../model/key.ts";
import { checkScope } from "../model/scope.ts";
import type { Reopened } from "../store.ts";
import { boundedLine } from "./error-line.ts";
import { type Ports, within } from "./ports.ts";

/** Which operation: by the id of its record, or by its scope and key. */
export type Named =
  | { readonly id: RecordId }
  | {
      readonly scope: string;
      readonly key: string;
      /** `http` by default: the key of a client. */
      readonly origin?: Origin;
      /** The operation's name, if its keys are `keysPer: "operation"`. */
      readonly name?: string;
    };

/** The word of a person, kept as evidence. */
export interface Word {
  /** Who says so. */
  readonly by: string;
  /** Why, in a line. */
  readonly reason: string;
}

/** The ports that a word needs, so that a command line without operations can give it too. */
export type Desk = Pick<Ports, "store" | "sealer" | "clock" | "settings"> &
  Partial<Pick<Ports, "events" | "orphans">>;

/** What a person knows of a step. */
export type StepWord = Word & {
  readonly step: string;
} & (
    | {
        /** The provider's own id of what was made. */
        readonly executed: string;
        /** The step's value, where its effect cannot retrieve it by the reference. */
        readonly value?: unknown;
      }
    | { readonly notExecuted: true }
  );

/**
 * Settles a step by the word of a person; the operation then runs on by itself.
 *
 * @throws option-invalid, store-unavailable, scope-missing, key-malformed
 */
export async function settleByWord(ports: Desk, named: Named, word: StepWord): Promise<Reopened> {
  checkWord(word);
  if (typeof word.step !== "string" || word.step === "")
    throw new NevertwiceError("option-invalid", "`step` is the name of the step to settle.");
  const executed = "executed" in word;
  if (executed && (typeof word.executed !== "string" || word.executed === ""))
    throw new NevertwiceError(
      "option-invalid",
      "`executed` is the provider's id of what was made.",
    );
  const id = idOf(named);
  const evidence: Evidence = {
    ...toEvidence(word),
    step: word.step,
    finding: executed ? "executed" : "not-executed",
    ...(executed ? { reference: boundedLine(word.executed) } : {}),
  };
  const answer = await reopenStep(ports, id, evidence, word);
  if (answer === "final") await tellOfFinal(ports, id, evidence, word);
  return answer;
}

function reopenStep(
  ports: Desk,
  id: RecordId,
  evidence: Evidence,
  word: StepWord,
): Promise<Reopened> {
  if (!("executed" in word))
    return reopen(ports, id, { evidence, settled: { kind: "not-executed" } });
  const { value } = word;
  const sealed = ports.sealer.seal(id, `step:${word.step}`, encodeJson(value));
  const settled = {
    ...({ kind: "executed", reference: boundedLine(word.executed) } as const),
    ...(value === undefined ? {} : { value: sealed }),
  };
  return reopen(ports, id, { evidence, settled });
}

/**
 * Evidence against a final outcome changes nothing of it: it is kept, and the effect of a failed
 * operation raises an alarm and is taken back, if its value was told.
 */
async function tellOfFinal(
  ports: Desk,
  id: RecordId,
  evidence: Evidence,
  word: StepWord,
): Promise<void> {
  await within(ports, ports.store.note(id, evidence));
  const read = await within(ports, ports.store.read(id));
  const record = read.kind === "ok" ? read.value?.record : undefined;
  if (record === undefined || record.state !== "failed" || !("executed" in word)) return;
  const { step, reference } = evidence;
  if (record.steps.some(({ name, result }) => name === step && result?.kind === "succeeded"))
    return;
  const { name, fence } = record;
  ports.events?.emit({ type: "effect.orphan", id, name, fence, step, reference });
  if (word.value === undefined) return;
  await ports.orphans?.(record, { step, reference, value: encodeJson(word.value) });
}

/**
 * Lets an operation run again as it is, after its cause of doubt was mended.
 *
 * @throws option-invalid, store-unavailable, scope-missing, key-malformed
 */
export async function resumeByWord(ports: Desk, named: Named, word: Word): Promise<Reopened> {
  checkWord(word);
  return reopen(ports, idOf(named), { evidence: { ...toEvidence(word), step: "" } });
}

/** @throws store-unavailable */
export async function reopen(ports: Desk, id: RecordId, reopening: Reopening): Promise<Reopened> {
  const answer = await within(ports, ports.store.reopen(id, reopening));
  if (answer.kind !== "ok")
    throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
  return answer.value;
}

function toEvidence({ by, reason }: Word): Omit<Evidence, "step"> {
  return { source: "person", finding: "unknown", detail: boundedLine(reason), by: boundedLine(by) };
}

function checkWord(word: Word): void {
  for (const name of ["by", "reason"] as const) {
    if (typeof word?.[name] === "string" && word[name].trim() !== "") continue;
    throw new NevertwiceError("option-invalid", `\`${name}\` is missing: it is kept as evidence.`);
  }
}

function idOf(named: Named): RecordId {
  if ("id" in named) return named.id;
  return recordId(named.origin ?? "http", checkScope(named.scope), checkKey(named.key), named.name);
}
