import { NevertwiceError } from "../model/errors.ts";
import { encodeJson } from "../model/json.ts";
import type { RecordId } from "../model/key.ts";
import type { StoredOutcome } from "../model/operation.ts";
import { judgeStatus, type Outcome, toOutcome } from "../model/outcome.ts";
import type { Message, Settlement } from "../store.ts";
import { type Performed, refuse } from "./performed.ts";
import type { Ports } from "./ports.ts";

/** What may be staged inside a transaction; it dies with its callback. */
export interface Write {
  /**
   * Stages a message that leaves after the commit, or never.
   *
   * @param options.key unique per topic; by default derived from the operation and the place
   */
  stage(topic: string, payload: unknown, options?: { readonly key?: string }): void;
}

/** A writer and what was staged with it. */
export function createWrite(
  ports: Ports,
  id: RecordId,
  place: string,
): { write: Write; messages: Message[]; close(): void } {
  const messages: Message[] = [];
  let open = true;
  return {
    messages,
    close() {
      open = false;
    },
    write: {
      stage(topic, payload, options) {
        if (!open)
          throw new NevertwiceError(
            "operation-settled",
            "Its transaction is over, so nothing more can be staged.",
          );
        const key = options?.key ?? `${id}:${place}:${messages.length}`;
        messages.push({
          topic,
          key,
          payload: ports.sealer.seal(id, "message", encodeJson(payload)),
        });
      },
    },
  };
}

/** How a returned value ends an operation, judged by its status. */
export function judge(value: unknown): {
  readonly verdict: "settle" | "passing" | "error";
  readonly outcome: Outcome;
} {
  const outcome = toOutcome(value);
  if (outcome.kind === "failed") return { verdict: "settle", outcome };
  const verdict = judgeStatus(outcome.status);
  if (verdict === "succeeded" || verdict === "failed")
    return { verdict: "settle", outcome: { ...outcome, kind: verdict } };
  return { verdict, outcome };
}

/** The settlement of an outcome, sealed and under the size limit. */
export function toSettlement(
  ports: Ports,
  id: RecordId,
  outcome: Outcome,
  messages: readonly Message[],
): Settlement {
  return {
    outcome: { ...outcome, body: ports.sealer.seal(id, "response", outcome.body) },
    keepResponse: outcome.body.length <= ports.settings.responseBytesMax,
    messages,
  };
}

/** The answer of the one call whose attempt produced the outcome. */
export function toPerformed(outcome: Outcome): Performed {
  const { kind, status, headers, body, reference } = outcome;
  return { kind, status, headers, body, reference, replayed: false };
}

/** The answer of every other call. */
export function toReplay(ports: Ports, id: RecordId, outcome: StoredOutcome): Performed {
  const { kind, status, reference, response } = outcome;
  const body = response && ports.sealer.open(id, "response", response.body);
  if (response === undefined || body === undefined) {
    const code =
      response === undefined && outcome.missing === "pruned"
        ? "key-expired"
        : "response-not-replayable";
    return { ...refuse(code), outcome: { kind, status, reference } };
  }
  return { kind, status, headers: response.headers, body, reference, replayed: true };
}
