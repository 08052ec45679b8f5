import { NevertwiceError } from "../../model/errors.ts";
import { judgeNetwork } from "../../model/network.ts";
import type { MaybePromise } from "../../store.ts";
import type { NotExecuted, Refused } from "../judgement.ts";
import { type InDoubt, inDoubt, type Judgement, notExecuted } from "../judgement.ts";

/** A message as its relay gets it. */
export interface OutgoingMessage<Payload = unknown> {
  /**
   * The same for every send of this message, as a UUID: hand it to the receiver as the idempotency
   * key, so that a second send is recognised.
   */
  readonly id: string;
  readonly topic: string;
  /** The business key that it was staged under. */
  readonly key: string;
  readonly aggregate: string | undefined;
  /** Grows within an aggregate. */
  readonly sequence: number;
  readonly payload: Payload;
  /** Database time, in milliseconds since 1970. */
  readonly stagedAt: number;
  /** From 1. */
  readonly attempt: number;
  /** Aborts when the send has taken too long. */
  readonly signal: AbortSignal;
}

/**
 * Sends a message. What it returns means that the message has arrived, but for `notExecuted`, which
 * sends it again later, `refused`, which no retry can help, and `inDoubt`.
 */
export type Send = (
  message: OutgoingMessage,
) => MaybePromise<unknown | NotExecuted | Refused<unknown> | InDoubt>;

export interface RelayOptions {
  /**
   * How long the receiver recognises a message by its `id`, in milliseconds from the first send.
   * While it does, a send without an answer is repeated; after that, and by default, such a message
   * is in doubt. `Infinity` for a receiver that never takes one twice.
   */
  readonly dedupeMs?: number;
  /** What a throw of the send proves; by default what the network's own errors prove. */
  readonly judge?: (error: unknown) => Judgement<unknown>;
  /** The receiver's own id in what the send returned. */
  readonly reference?: (returned: unknown) => string | undefined;
  /** How long one send may take, in milliseconds; 30 s by default. */
  readonly timeoutMs?: number;
  /** How long a message is tried, in milliseconds from its staging; 75 hours by default. */
  readonly retryForMs?: number;
}

/** A send together with the options that fit it, such as `webhookRelay` makes. */
export interface Sender extends RelayOptions {
  readonly send: Send;
}

/** A relay as it was declared. */
export interface Relay {
  readonly topic: string;
  readonly send: Send;
  readonly dedupeMs: number;
  readonly judge: (error: unknown) => Judgement<unknown>;
  readonly reference: (returned: unknown) => string | undefined;
  readonly timeoutMs: number;
  readonly retryForMs: number;
}

const HOUR_MS = 3_600_000;

/** @param options they win over those of a sender @throws option-invalid */
export function relayOf(topic: string, sending: Send | Sender, options: RelayOptions = {}): Relay {
  const { send, ...fitting } =
    typeof sending === "object" && sending !== null ? sending : { send: sending };
  const given: RelayOptions = { ...fitting, ...options };
  const { dedupeMs = 0, judge = judgeByNetwork, reference = () => undefined } = given;
  const { timeoutMs = 30_000, retryForMs = 75 * HOUR_MS } = given;
  if (typeof topic !== "string" || topic === "" || topic.length > 255)
    throw new NevertwiceError("option-invalid", "A topic has 1 to 255 characters.");
  if (typeof send !== "function")
    throw new NevertwiceError("option-invalid", "A relay takes (topic, async (message) => ...).");
  for (const [name, ms] of Object.entries({ dedupeMs, timeoutMs, retryForMs }))
    if (typeof ms !== "number" || !(ms >= 0))
      throw new NevertwiceError("option-invalid", `\`${name}\` is a number of milliseconds.`);
  return { topic, send, dedupeMs, judge, reference, timeoutMs, retryForMs };
}

function judgeByNetwork(error: unknown): Judgement<never> {
  const { verdict, because } = judgeNetwork(error);
  return verdict === "not-executed" ? notExecuted(because) : inDoubt("unanswered");
}
