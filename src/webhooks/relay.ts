import { errorLine } from "../core/error-line.ts";
import {
  inDoubt,
  type Judgement,
  type NotExecuted,
  notExecuted,
  type Refused,
  refused,
} from "../core/judgement.ts";
import type { OutgoingMessage, Sender } from "../core/outbox/relay.ts";
import type { MaybePromise } from "../model/answer.ts";
import { type Clock, isoTime, systemClock } from "../model/clock.ts";
import { isNevertwiceError, NevertwiceError } from "../model/errors.ts";
import { judgeNetwork } from "../model/network.ts";
import {
  type AddressPolicy,
  checkedUrl,
  hostNames,
  type Resolve,
  resolveAll,
} from "./address-guard.ts";
import { type Parcel, type PostAnswer, post } from "./post.ts";
import type { Secrets } from "./secret.ts";
import { type SigningSecret, signedHeaders, signingSecrets } from "./sign.ts";

/** A receiver with secrets of its own. */
export interface WebhookEndpoint {
  readonly url: string;
  readonly secret: Secrets;
}

type Endpoint = string | WebhookEndpoint | undefined;

export interface WebhookRelayOptions {
  /**
   * Where messages go; a function says so for each message, and undefined where nobody wants it any
   * more. The same message must always go to the same receiver.
   */
  readonly url: string | ((message: OutgoingMessage) => MaybePromise<Endpoint>);
  /** Secrets to sign with, all of those that count; left out where the function gives some. */
  readonly secret?: Secrets;
  /** The event's type in the body; the topic by default. */
  readonly type?: string;
  /** Hosts of your own that may have private addresses, spelled exactly as in the URL. */
  readonly allowHosts?: readonly string[];
  /** Allows `http:`, for receivers within your own network. */
  readonly allowInsecure?: boolean;
  /** How long one send may take, in milliseconds; 20 s by default. */
  readonly timeoutMs?: number;
  /** Finds the addresses of a name; the system's resolver by default. */
  readonly resolve?: Resolve;
  readonly clock?: Clock;
}

const TIMEOUT_MS = 20_000;
const GONE = 410;

/**
 * Sends messages as signed webhooks by Standard Webhooks 1.0.0. Receivers recognise a message by
 * the header `webhook-id`, which is the same for every send of it, as the standard asks of them; so
 * an unanswered send is repeated, and `dedupeMs` is Infinity. Give a shorter one for a receiver
 * that forgets. Any status but a 2xx is a failure, a redirect too; 410 ends the message.
 *
 * @throws option-invalid, address-refused
 * @see https://github.com/standard-webhooks/standard-webhooks
 * @example once.relay("order.paid", webhookRelay({ url, secret }));
 */
export function webhookRelay(options: WebhookRelayOptions): Sender {
  const { clock = systemClock, timeoutMs = TIMEOUT_MS } = options;
  const policy: AddressPolicy = {
    allowHosts: hostNames(options.allowHosts ?? []),
    allowInsecure: options.allowInsecure === true,
    resolve: options.resolve ?? resolveAll,
  };
  const parcelOf = packing(options, policy, clock);
  return {
    dedupeMs: Number.POSITIVE_INFINITY,
    timeoutMs,
    judge: judgeSend,
    async send(message) {
      const parcel = await unsent(() => parcelOf(message));
      if (!("headers" in parcel)) return parcel;
      return judgeAnswer(await post(parcel, policy, clock));
    },
  };
}

function unsigned(): NevertwiceError {
  return new NevertwiceError("option-invalid", "Give a `secret` to sign with.");
}

type Packing = (message: OutgoingMessage) => Promise<Parcel | Refused<unknown>>;

/** @throws option-invalid, address-refused */
function packing(options: WebhookRelayOptions, policy: AddressPolicy, clock: Clock): Packing {
  const { url, type } = options;
  const common = options.secret === undefined ? undefined : signingSecrets(options.secret);
  if (typeof url === "string") {
    checkedUrl(url, policy);
    if (common === undefined) throw unsigned();
  } else if (typeof url !== "function")
    throw new NevertwiceError("option-invalid", "`url` is a URL, or a function that gives one.");
  return async (message) => {
    const endpoint = typeof url === "string" ? url : await url(message);
    if (endpoint === undefined) return refused({ code: "no-endpoint" });
    const address = checkedUrl(typeof endpoint === "string" ? endpoint : endpoint.url, policy);
    const secrets = typeof endpoint === "string" ? common : signingSecrets(endpoint.secret);
    if (secrets === undefined) throw unsigned();
    return parcel(message, address, secrets, { type, now: clock.wall() });
  };
}

function parcel(
  message: OutgoingMessage,
  url: URL,
  secrets: readonly SigningSecret[],
  { type = message.topic, now }: { readonly type: string | undefined; readonly now: number },
): Parcel {
  const { id, aggregate, sequence, stagedAt, payload, signal } = message;
  // Made of nothing that changes from one send to the next, so that all send the same bytes.
  const body = JSON.stringify({
    type,
    timestamp: isoTime(stagedAt),
    ...(aggregate === undefined ? {} : { aggregate, sequence }),
    data: payload ?? null,
  });
  const headers = {
    "content-type": "application/json",
    "user-agent": "nevertwice",
    ...signedHeaders(secrets, id, body, now),
  };
  return { url, headers, body, signal };
}

/** What fails before there is a connection has sent nothing. */
async function unsent<T>(work: () => Promise<T>): Promise<T | NotExecuted | Refused<unknown>> {
  try {
    return await work();
  } catch (error) {
    return isNevertwiceError(error, "address-refused") ? notAllowed(error) : notSent(error);
  }
}

function notSent(error: unknown): NotExecuted {
  return notExecuted(`it was not sent: ${errorLine(error)}`);
}

function notAllowed({ code, detail }: NevertwiceError): Refused<unknown> {
  return refused({ code, ...(detail === undefined ? {} : { detail }) });
}

/** An answer that is no success, which the judge reads. */
class Unsuccessful extends Error {
  override readonly name: string = "Unsuccessful";
  readonly answer: PostAnswer;
  constructor(answer: PostAnswer) {
    super(`The receiver answered ${answer.status}.`);
    this.answer = answer;
  }
}

function judgeAnswer(answer: PostAnswer): { readonly status: number } {
  const { status } = answer;
  if (status >= 200 && status <= 299) return { status };
  throw new Unsuccessful(answer);
}

function judgeSend(error: unknown): Judgement<unknown> {
  if (isNevertwiceError(error, "address-refused")) return notAllowed(error);
  if (!(error instanceof Unsuccessful)) {
    const { verdict, because } = judgeNetwork(error);
    return verdict === "not-executed" ? notExecuted(because) : inDoubt("unanswered");
  }
  const { status, retryAfterMs } = error.answer;
  if (status === GONE) return refused({ code: "endpoint-gone", status });
  // One that failed on its own side, or is busy with an earlier send, may have taken it.
  const isUntouched = (status >= 300 && status < 500 && status !== 409) || status === 503;
  return isUntouched ? notExecuted(`the status is ${status}`, retryAfterMs) : inDoubt("failed");
}
