import type { Delivery, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, type Question, toText } from "./hmac.ts";
import { aliasesOf, bodyKey, eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { jsonOf, plainHeader, sha256, signedHeader, textAt } from "./read.ts";
import { isEqual } from "./signature.ts";
import { formOf, joined, type Parameters, signedUrls } from "./twilio-form.ts";

/** What is used of the package `twilio`. */
export interface TwilioSignatureSdk {
  validateRequest(secret: string, signature: string, url: string, form: Parameters): boolean;
  validateRequestWithBody(secret: string, signature: string, url: string, body: string): boolean;
}

export interface TwilioWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {
  /** Scheme, host and path as Twilio calls them, without the query; one of this and `baseUrl`. */
  readonly url?: string;
  /** What stands before the path that this server sees, such as `https://shop.example`. */
  readonly baseUrl?: string;
  /** The package; it must then agree with the check here. */
  readonly sdk?: TwilioSignatureSdk;
}

const OK = { status: 200, contentType: "text/xml", body: "<Response></Response>" };

/**
 * The webhooks of Twilio; `secret` is the auth token. Signed are the URL and the form's parameters,
 * or a digest of the body in the URL. The signed text joins names and values without a mark between
 * them, so the key is its digest: a request whose parts were shifted is a known one, and its other
 * parameters raise the alarm. The events of a stream have ids of their own. The acknowledgement is
 * TwiML that does nothing.
 *
 * Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
 *
 * @throws option-invalid
 */
export function twilioWebhook(options: TwilioWebhookOptions): WebhookProvider {
  const { sdk } = options;
  const urlOf = urlsOf(options);
  return hmacProvider(options, "twilio", {
    algorithm: "sha1",
    acknowledgement: OK,
    signatures: (delivery) => [
      decodeSignature(signedHeader(delivery, "x-twilio-signature"), "base64"),
    ],
    contents: (delivery, text) => {
      const signed = joined(parametersOf(delivery, text));
      return signedUrls(urlOf(delivery)).map((url) => url + signed);
    },
    ...(sdk && { official: (question) => ask(sdk, urlOf(question.delivery), question) }),
    events: (text, delivery) => twilioEvents(text, delivery, urlOf(delivery)),
  });
}

/** @throws option-invalid */
function urlsOf({ url, baseUrl }: TwilioWebhookOptions): (delivery: Delivery) => string {
  const given = url ?? baseUrl;
  if ((url === undefined) === (baseUrl === undefined) || !/^https?:\/\/[^?#]+$/.test(given ?? ""))
    throw new NevertwiceError(
      "option-invalid",
      "Twilio signs the URL that it calls: give `url` or `baseUrl`, without a query.",
    );
  if (url !== undefined) return (delivery) => url + queryOf(delivery);
  const base = (baseUrl ?? "").replace(/\/+$/, "");
  return (delivery) => base + delivery.url;
}

function queryOf({ url }: Delivery): string {
  const start = url.indexOf("?");
  return start < 0 ? "" : url.slice(start);
}

/**
 * The digest of the body that ends the signed URL. Elsewhere in it the digest may be a form's text,
 * which somebody has moved into the URL to have a body of their own taken.
 *
 * @throws signature-wrong if it stands elsewhere, or several times
 */
function bodyDigestOf(delivery: Delivery): Uint8Array | undefined {
  const query = queryOf(delivery);
  const [digest, ...others] = new URLSearchParams(query).getAll("bodySHA256");
  if (digest === undefined) return undefined;
  if (others.length > 0 || !query.endsWith(`bodySHA256=${digest}`))
    throw new NevertwiceError("signature-wrong");
  return decodeSignature(digest, "hex") ?? new Uint8Array();
}

/** The parameters that are signed beside the URL. @throws signature-wrong for another body */
function parametersOf(delivery: Delivery, text: string): Parameters {
  const digest = bodyDigestOf(delivery);
  if (digest === undefined) return formOf(text);
  if (!isEqual(digest, sha256(text))) throw new NevertwiceError("signature-wrong");
  return {};
}

function ask(sdk: TwilioSignatureSdk, url: string, question: Question): boolean {
  const { text, secret, delivery } = question;
  const signature = toText(question.signature, "base64");
  return bodyDigestOf(delivery) === undefined
    ? sdk.validateRequest(secret, signature, url, formOf(text))
    : sdk.validateRequestWithBody(secret, signature, url, text);
}

function twilioEvents(text: string, delivery: Delivery, url: string): readonly AuthenticEvent[] {
  const isJson = bodyDigestOf(delivery) !== undefined;
  // What was asked for by GET has its parameters in the query.
  const form = text === "" ? queryOf(delivery).slice(1) : text;
  const payload = isJson ? jsonOf(text) : formOf(form);
  if (Array.isArray(payload)) return payload.map(streamEvent);
  const aliases = aliasesOf({ request: plainHeader(delivery, "i-twilio-idempotency-token") });
  return [
    eventOf({
      key: bodyKey(url + joined(parametersOf(delivery, text))),
      aliases,
      // Its order is not signed, so it does not count.
      fingerprint: sha256(isJson ? text : JSON.stringify(Object.entries(Object(payload)).sort())),
      ...subjectOf(payload),
      occurredAt: timeAt(payload, "Timestamp"),
      payload,
    }),
  ];
}

function streamEvent(event: unknown): AuthenticEvent {
  const id = textAt(event, "id");
  const content = JSON.stringify(event);
  return eventOf({
    key: id === undefined ? bodyKey(content) : eventKey("id", id),
    fingerprint: sha256(content),
    type: textAt(event, "type") ?? "event",
    occurredAt: timeAt(event, "time"),
    payload: event,
  });
}

/** What a request is about, by the ids and states that it may carry, the most exact first. */
const SUBJECTS = [
  ["recording", "RecordingSid", "RecordingStatus"],
  ["conference", "ConferenceSid", "StatusCallbackEvent"],
  ["message", "MessageSid", "MessageStatus"],
  ["message", "SmsSid", "SmsStatus"],
  ["call", "CallSid", "CallStatus"],
  ["conversation", "ConversationSid", "EventType"],
] as const;

function subjectOf(payload: unknown): Pick<AuthenticEvent, "type" | "object"> {
  for (const [kind, idName, stateName] of SUBJECTS) {
    const object = objectOf(kind, textAt(payload, idName));
    if (object === undefined) continue;
    const state = textAt(payload, "EventType") ?? textAt(payload, stateName);
    return { type: state === undefined ? kind : `${kind}.${state}`, object };
  }
  return { type: textAt(payload, "EventType") ?? textAt(payload, "type") ?? "request" };
}
