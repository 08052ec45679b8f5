import type { Clock } from "../../model/clock.ts";
import type { Passed } from "../../sandbox/client.ts";
import { isObject } from "../../sandbox/wire.ts";
import { SENDER, type WebhookControl } from "./webhook-control.ts";

export interface RegistrationOptions {
  readonly control: WebhookControl;
  /** Where the shop takes webhooks. */
  readonly url: string;
  readonly clock: Clock;
  /** Ends the watch over it. */
  readonly signal: AbortSignal;
  /** Hears of the secret, once and whenever it is another one. */
  readonly onSecret: (secret: string) => void;
  /** Hears why there are no webhooks. */
  readonly onAbsent: (cause: string) => void;
}

/** The sandbox may be on its way back; and one that was reset has forgotten its endpoints. */
const AGAIN_MS = 1_000;
const LOOK_MS = 10_000;

/**
 * Keeps the shop's endpoint registered: one that is there already is used again, so that its secret
 * stays. A provider that knows no webhooks is asked no more. Ends with the signal.
 */
export async function keepRegistered(options: RegistrationOptions): Promise<void> {
  const { clock, signal, onSecret, onAbsent } = options;
  let known: string | undefined;
  while (!signal.aborted) {
    const found = await register(options);
    if (found.kind === "absent") return onAbsent(found.cause);
    if (found.kind === "registered" && found.secret !== known) {
      known = found.secret;
      onSecret(known);
    }
    await clock.sleep(found.kind === "registered" ? LOOK_MS : AGAIN_MS, signal);
  }
}

type Registration =
  | { readonly kind: "registered"; readonly secret: string }
  | { readonly kind: "absent"; readonly cause: string }
  | { readonly kind: "unreachable" };

async function register({ control, url }: RegistrationOptions): Promise<Registration> {
  const known = await control.endpoints();
  const endpoints = bodyOf(known)["endpoints"];
  if (!Array.isArray(endpoints)) return refusalOf(known);
  const mine = endpoints.find(
    (one) => isObject(one) && one["url"] === url && one["provider"] === SENDER,
  );
  if (mine !== undefined) return { kind: "registered", secret: String(mine.secret) };
  const made = await control.register(url);
  const { secret } = bodyOf(made);
  return typeof secret === "string" ? { kind: "registered", secret } : refusalOf(made);
}

function refusalOf(asked: Passed): Registration {
  if (asked.kind === "unreachable" || asked.status >= 500) return { kind: "unreachable" };
  return { kind: "absent", cause: messageOf(asked.body) ?? `it answered ${asked.status}` };
}

function messageOf(body: unknown): string | undefined {
  const error = isObject(body) ? body["error"] : undefined;
  const message = isObject(error) ? error["message"] : undefined;
  return typeof message === "string" ? message : undefined;
}

function bodyOf(passed: Passed): Record<string, unknown> {
  return passed.kind === "answered" && passed.status < 400 && isObject(passed.body)
    ? passed.body
    : {};
}
