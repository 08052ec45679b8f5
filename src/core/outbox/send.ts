import { decodeJson } from "../../model/json.ts";
import { digestUuid } from "../../model/provider-key.ts";
import type { ClaimedMessage, MessageEnd, OutboxStore } from "../../store/outbox.ts";
import { boundedLine, errorLine, textOf, toldLine } from "../error-line.ts";
import { jitterMs } from "../inbox/failure.ts";
import {
  inDoubt,
  isDeclined,
  isInDoubt,
  isNotExecuted,
  isRefused,
  type Judgement,
} from "../judgement.ts";
import { type Ports, within } from "../ports.ts";
import { referenceIn } from "../reference.ts";
import type { OutgoingMessage, Relay } from "./relay.ts";

/** The ports of an outbox: those of the core, with a store that has one. */
export interface OutboxPorts extends Ports {
  readonly outbox: OutboxStore;
}

/** How long after its claim a send may still begin. */
const SEND_BY_MS = 5_000;
const LATE: MessageEnd = {
  ...{ kind: "waiting", dueInMs: 0, doubted: false },
  error: "The process slept between the claim and the send.",
};
/** Nearer to its end than this, a receiver's memory is not trusted. */
const MARGIN_MAX_MS = 60_000;
const MARGIN_SHARE = 0.1;

/** A second send that begins before this arrives while the receiver still knows of the first. */
function resendUntil({ dedupeMs, timeoutMs }: Relay, firstSentAt: number): number {
  const margin = Math.min(MARGIN_MAX_MS, dedupeMs * MARGIN_SHARE);
  // It may take all of its time before it lands.
  return firstSentAt + dedupeMs - timeoutMs - margin;
}

/** The same over every send, restart and lost record, and different in every environment. */
function messageId(namespace: string | undefined, topic: string, key: string): string {
  return digestUuid("message", namespace ?? "", topic, key);
}

/**
 * Sends a claimed message and writes down what it came to.
 *
 * @param since this process's time of the claim
 */
export async function sendMessage(
  ports: OutboxPorts,
  relay: Relay,
  message: ClaimedMessage,
  since: number,
): Promise<MessageEnd | undefined> {
  const elapsed = ports.clock.monotonic() - since;
  const now = (): number => message.now + (ports.clock.monotonic() - since);
  // A process that slept after its claim may not be the only one by now.
  const end = elapsed > SEND_BY_MS ? LATE : await outcomeOf(ports, relay, message, now);
  const answer = await within(ports, ports.outbox.end(message, end));
  if (answer.kind !== "ok") {
    // The claim lapses, and the next one is told of the doubt.
    ports.events.emit({ type: "outbox.failed", error: answer.error });
    return undefined;
  }
  if (answer.value === "stale") return undefined;
  tell(ports, message, end);
  return end;
}

async function outcomeOf(
  ports: OutboxPorts,
  relay: Relay,
  message: ClaimedMessage,
  now: () => number,
): Promise<MessageEnd> {
  const { doubted, firstSentAt, sends } = message;
  if (doubted && now() >= resendUntil(relay, firstSentAt))
    return {
      kind: "in_doubt",
      error: "An earlier send may have arrived, and it is too late to repeat it.",
    };
  const opened = openPayload(ports, message);
  if (opened === undefined) return { kind: "dead", error: "Its payload cannot be read." };
  const stopper = new AbortController();
  const cancel = ports.clock.timer(relay.timeoutMs, () =>
    stopper.abort(new Error(`It was not answered within ${relay.timeoutMs} ms.`)),
  );
  const given: OutgoingMessage = {
    id: messageId(ports.namespace, message.topic, message.key),
    ...{ topic: message.topic, key: message.key, aggregate: message.aggregate },
    ...{ sequence: message.number, stagedAt: message.stagedAt, attempt: sends },
    ...{ payload: opened.payload, signal: stopper.signal },
  };
  let returned: unknown;
  try {
    returned = await Promise.race([relay.send(given), aborted(stopper.signal)]);
  } catch (error) {
    return toEnd(ports, relay, message, now, judge(relay, error), errorLine(error, ports));
  } finally {
    cancel();
  }
  return toEnd(ports, relay, message, now, returned, "The send says so.");
}

/** A judge that throws, or gives something else, has found out nothing. */
function judge(relay: Relay, error: unknown): Judgement<unknown> {
  try {
    const judged: unknown = relay.judge(error);
    if (isDeclined(judged) || isRefused(judged)) return judged;
    return isNotExecuted(judged) ? judged : inDoubt("unanswered");
  } catch {
    return inDoubt("unanswered");
  }
}

/** Undefined for bytes that were altered or moved, or whose key is lost. */
function openPayload(
  { sealer }: OutboxPorts,
  { origin, payload }: ClaimedMessage,
): { readonly payload: unknown } | undefined {
  const clear = sealer.open(origin, "message", payload);
  if (clear === undefined) return undefined;
  try {
    return { payload: decodeJson(clear) };
  } catch {
    return undefined;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function toEnd(
  ports: OutboxPorts,
  relay: Relay,
  message: ClaimedMessage,
  now: () => number,
  returned: unknown,
  why: string,
): MessageEnd {
  const { sends, doubted, firstSentAt, stagedAt } = message;
  if (isRefused(returned) || isDeclined(returned)) {
    const error = toldLine(`It was refused: ${declineText(returned.decline)}`, returned, ports);
    // A refusal of this send says nothing of an earlier one that may have arrived.
    return { kind: doubted ? "in_doubt" : "dead", error };
  }
  const untouched = isNotExecuted(returned);
  if (!untouched && !isInDoubt(returned)) {
    const reference = referenceIn(relay.reference, returned);
    return { kind: "sent", ...(reference === undefined ? {} : { reference }) };
  }
  const error = boundedLine(untouched ? `${returned.proof} (${why})` : why);
  const asked = untouched ? (returned.retryAfterMs ?? 0) : 0;
  const dueInMs = Math.max(asked, jitterMs(sends, ports.random));
  const unsure = doubted || !untouched;
  if (unsure && now() + dueInMs >= resendUntil(relay, firstSentAt))
    return { kind: "in_doubt", error };
  if (now() - stagedAt > relay.retryForMs)
    return {
      kind: unsure ? "in_doubt" : "dead",
      error: boundedLine(`It was tried for too long. ${error}`),
    };
  return { kind: "waiting", dueInMs, doubted: unsure, error };
}

function declineText(decline: unknown): string {
  try {
    return JSON.stringify(decline);
  } catch {
    return textOf(decline);
  }
}

function tell(ports: OutboxPorts, { topic, number }: ClaimedMessage, end: MessageEnd): void {
  const of = { topic, number };
  const { emit } = ports.events;
  if (end.kind === "sent") emit({ type: "message.sent", ...of });
  else if (end.kind === "dead") emit({ type: "message.dead", ...of, error: end.error });
  else if (end.kind === "in_doubt") emit({ type: "message.in-doubt", ...of, error: end.error });
  else if (end.kind === "waiting")
    emit({ type: "message.waiting", ...of, dueInMs: end.dueInMs, error: end.error });
}
