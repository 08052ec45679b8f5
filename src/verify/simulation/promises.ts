import { isFinal } from "../../model/operation.ts";
import { type Told, textOf } from "./client.ts";
import type { History } from "./history.ts";
import type { OperationAtRest } from "./rest.ts";
import type { Subject } from "./world.ts";

/** A promise that a history broke. */
export interface Broken {
  readonly promise: string;
  readonly detail: string;
}

/** One operation of a history with all that its clients heard. */
interface Case {
  readonly operation: OperationAtRest;
  readonly heard: readonly Told[];
  readonly last: Told | undefined;
  readonly subject: Subject;
}

/** Says what is wrong, or nothing. */
type Rule = (seen: Case) => string | undefined;

const RULES: Readonly<Record<string, Rule>> = {
  "an operation does not throw at its caller": ({ heard }) =>
    heard.filter(({ kind }) => kind === "threw").map(textOf)[0],
  "all outcomes of a key are one outcome": ({ heard, operation }) => {
    const { outcome } = operation;
    const stored = outcome && textOf({ ...outcome, reference: undefined, replayed: true });
    const texts = new Set(heard.filter((told) => "replayed" in told).map(textOf));
    if (stored !== undefined) texts.add(stored);
    return texts.size > 1 ? [...texts].join(" | ") : undefined;
  },
  "every operation ends": ({ operation: { state, lastError = "" }, last }) => {
    if (state === undefined) return `it never began; its last client heard ${textOf(last)}`;
    if (!isFinal(state) && state !== "in_doubt") return `it is left ${state}. ${lastError}`;
    if (isFinal(state) && last?.kind !== state)
      return `it has ${state}, and its last client heard ${textOf(last)}`;
    return undefined;
  },
  "a handler takes the same steps again": ({ operation: { doubt, lastError } }) =>
    doubt === "definition-changed"
      ? `${lastError} Names and inputs of steps must not be drawn anew by each attempt.`
      : undefined,
  "no operation needs a person": ({ operation: { doubt, lastError = "" }, subject }) =>
    doubt === undefined || doubt === "definition-changed" || subject.doubts === "allowed"
      ? undefined
      : `it is in doubt (${doubt}). ${lastError} If that is meant, say \`doubts: "allowed"\`.`,
};

/** The name under which the user's own invariant is reported. */
const INVARIANT = "the invariant";

/** What a history breaks of the promises. */
export async function judgeHistory(subject: Subject, history: History): Promise<Broken[]> {
  if (history.endless)
    return [{ promise: "a history comes to rest", detail: "It goes on and on in a healed world." }];
  const broken = history.rest.operations.flatMap((operation, index) => {
    const seen = {
      operation,
      heard: heardOf(history, index),
      last: history.last[index],
      subject,
    };
    const { operation: name, scope, key } = operation;
    return Object.entries(RULES).flatMap(([promise, rule]) => {
      const detail = rule(seen);
      return detail === undefined
        ? []
        : [{ promise, detail: `${name} ${scope}/${key}: ${detail}` }];
    });
  });
  const detail = await invariantOf(subject, history);
  return detail === undefined ? broken : [...broken, { promise: INVARIANT, detail }];
}

/** What a client was told of commits that are forgotten binds nobody. */
function heardOf({ heard, last, failovers }: History, index: number): readonly Told[] {
  const final = last[index];
  if (failovers === 0) return heard[index] ?? [];
  return final === undefined ? [] : [final];
}

async function invariantOf(subject: Subject, { rest }: History): Promise<string | undefined> {
  try {
    const verdict = await subject.invariant(rest as never);
    if (typeof verdict === "string") return verdict;
    return verdict === false ? "It does not hold." : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
