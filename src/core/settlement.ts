import { NevertwiceError } from "../model/errors.ts";
import { encodeJson } from "../model/json.ts";
import type { RecordId } from "../model/key.ts";
import { ARRIVED_TOPIC } from "../model/message.ts";
import type { StoredOutcome } from "../model/operation.ts";
import { judgeStatus, type Outcome, toOutcome } from "../model/outcome.ts";
import { isStorable } from "../model/reference.ts";
import type { Message, Settlement } from "../store.ts";
import { type Performed, refuse, type Settled } from "./performed.ts";
import type { Ports } from "./ports.ts";

/** What may be staged inside a transaction; it dies with its callback. */
export interface Write {
  /**
   * Stages a message that leaves after the commit, or never.
   *
   * @param options.key unique per topic; by default derived from the operation and the place
   * @param options.aggregate messages of one topic and aggregate leave in their order
   * @throws not-json, option-invalid, operation-settled
   * @example write.stage("receipt", { orderId }, { key: `receipt:${orderId}` });
   */
  stage(topic: string, payload: unknown, options?: StageOptions): void;
  /**
   * Releases the events that wait for a name, once this is committed.
   *
   * @example write.arrived(`order:${orderId}`);
   */
  arrived(name: string): void;
}

export interface StageOptions {
  readonly key?: string;
  readonly aggregate?: string;
}

/** A writer and what was staged with it. */
export function createWrite(
  ports: Ports,
  id: RecordId,
  place: string,
): { write: Write; messages: Message[]; close(): void } {
  const messages: Message[] = [];
  let open = true;
  const stage: Write["stage"] = (topic, payload, options) => {
    if (!open)
      throw new NevertwiceError(
        "operation-settled",
        "Its transaction is over, so nothing more can be staged.",
      );
    const aggregate = options?.aggregate;
    messages.push({
      topic,
      key: options?.key ?? `${id}:${place}:${messages.length}`,
      payload: ports.sealer.seal(id, "message", encodeJson(payload)),
      ...(aggregate === undefined ? {} : { aggregate }),
    });
  };
  return {
    messages,
    close() {
      open = false;
    },
    write: {
      stage(topic, payload, options) {
        checkStaged(topic, options);
        stage(topic, payload, options);
      },
      // Whoever declares an inbox relays these; the name may arrive many times.
      arrived: (name) => stage(ARRIVED_TOPIC, name),
    },
  };
}

const NAME_LENGTH_MAX = 255;

function checkStaged(topic: unknown, { key, aggregate }: StageOptions = {}): void {
  for (const [what, name] of Object.entries({ topic, key, aggregate })) {
    if (name === undefined && what !== "topic") continue;
    const fits = typeof name === "string" && name !== "" && name.length <= NAME_LENGTH_MAX;
    if (fits && isStorable(name)) continue;
    throw new NevertwiceError(
      "option-invalid",
      `\`${what}\` has 1 to ${NAME_LENGTH_MAX} characters, none of them a NUL or cut in two.`,
    );
  }
  if (topic === ARRIVED_TOPIC)
    throw new NevertwiceError("option-invalid", "That topic is ours: call `write.arrived(name)`.");
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
export function toPerformed(outcome: Outcome): Settled {
  const { kind, status, headers, body, reference } = outcome;
  return { kind, status, headers, body, reference, replayed: false };
}

/** The answer of every other call. */
export function toReplay(ports: Ports, id: RecordId, outcome: StoredOutcome): Performed {
  const { kind, status, reference, response } = outcome;
  const body = response && ports.sealer.open(id, "response", response.body);
  if (response && body)
    return { kind, status, headers: response.headers, body, reference, replayed: true };
  const code = outcome.missing === "pruned" ? "key-expired" : "response-not-replayable";
  return { ...refuse(code), outcome: { kind, status, reference } };
}
