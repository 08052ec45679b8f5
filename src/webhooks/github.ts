import type { WebhookProvider } from "../model/delivery.ts";
import type { AuthenticEvent, EventObject } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, toText } from "./hmac.ts";
import { aliasesOf, bodyKey, eventOf, idAt, neededTopic, objectOf } from "./naming.ts";
import { jsonOf, plainHeader, sha256, signedHeader, textAt } from "./read.ts";

/** What is used of the package `@octokit/webhooks-methods`. */
export interface GithubSignatureSdk {
  verify(secret: string, payload: string, signature: string): Promise<boolean>;
}

export interface GithubWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {
  /** The package's functions; `verify` must then agree with the check here. */
  readonly sdk?: GithubSignatureSdk;
}

/**
 * The webhooks of GitHub, as JSON or as a form. The type is the header `X-GitHub-Event`, which
 * nobody signed, with the body's `action`, as in `issues.opened`. The key is the digest of the body
 * alone, as two events never have the same: so a body that is sent again under another event's name
 * is a known one, and as the fingerprint covers that name, it raises the alarm.
 *
 * GitHub never delivers again by itself, and its delivery id is not signed either.
 *
 * Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 *
 * @throws option-invalid
 */
export function githubWebhook(options: GithubWebhookOptions): WebhookProvider {
  const { sdk } = options;
  return hmacProvider(options, "github", {
    acknowledgement: { status: 202 },
    signatures: (delivery) => {
      const [algorithm, text = ""] = signedHeader(delivery, "x-hub-signature-256").split(/=(.*)/s);
      return [algorithm === "sha256" ? decodeSignature(text, "hex") : undefined];
    },
    ...(sdk && {
      official: ({ text, signature, secret }) =>
        sdk.verify(secret, text, `sha256=${toText(signature, "hex")}`),
    }),
    events: (text, delivery) => {
      const topic = neededTopic(delivery, "x-github-event");
      return [githubEvent(text, topic, plainHeader(delivery, "x-github-delivery"))];
    },
  });
}

function githubEvent(text: string, topic: string, id: string | undefined): AuthenticEvent {
  const payload = jsonOf(
    text.startsWith("payload=") ? (new URLSearchParams(text).get("payload") ?? "") : text,
  );
  const action = textAt(payload, "action");
  return eventOf({
    key: bodyKey(text),
    aliases: aliasesOf({ delivery: id }),
    fingerprint: sha256(`${topic}\n${text}`),
    type: action === undefined ? topic : `${topic}.${action}`,
    object: objectAt(payload, topic, topic.replace(/s$/, ""), "repository", "organization"),
    payload,
  });
}

function objectAt(payload: unknown, ...kinds: readonly string[]): EventObject | undefined {
  const kind = kinds.find((one) => idAt(payload, one, "id") !== undefined);
  return kind === undefined ? undefined : objectOf(kind, idAt(payload, kind, "id"));
}
