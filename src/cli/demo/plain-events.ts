import type { WebhookProvider } from "../../model/delivery.ts";
import { NevertwiceError } from "../../model/errors.ts";
import type { EventEvidence, EventObject } from "../../model/event.ts";
import { isObject } from "../../sandbox/wire.ts";
import { standardWebhook } from "../../webhooks/standard.ts";
import { PROVIDER } from "./payments.ts";

/** What an event tells of: a charge, or money that went back from one. */
export interface Told {
  readonly kind: "charge" | "refund";
  readonly id: string;
  readonly chargeId: string;
  readonly amount: number;
  /** The idempotency key that it was made with; null without one. */
  readonly key: string | null;
}

/** What a payload tells; undefined if it is neither a charge nor a refund. */
export function toldBy(payload: unknown): Told | undefined {
  const data = isObject(payload) ? payload["data"] : undefined;
  if (!isObject(payload) || !isObject(data)) return undefined;
  const {
    id,
    amount,
    charge: refunded,
    idempotencyKey,
  } = data as Readonly<Record<string, unknown>>;
  const kind = payload["type"] === "refund.succeeded" ? "refund" : "charge";
  const chargeId = kind === "refund" ? refunded : id;
  if (typeof id !== "string" || typeof chargeId !== "string" || typeof amount !== "number")
    return undefined;
  return {
    kind,
    id,
    chargeId,
    amount,
    key: typeof idempotencyKey === "string" ? idempotencyKey : null,
  };
}

/** A refund is about its charge too, so that both are handled one after the other. */
export function objectOf(payload: unknown): EventObject | undefined {
  const told = toldBy(payload);
  return told && { kind: "charge", id: told.chargeId };
}

/** An event that carries the key of one of our sends proves what that send came to. */
export function evidenceOf(payload: unknown): { readonly evidence?: EventEvidence } {
  const told = toldBy(payload);
  if (told === undefined || told.key === null) return {};
  const { kind, id: reference, key: providerKey } = told;
  const finding = "executed";
  return { evidence: { provider: PROVIDER, kind, providerKey, reference, finding, stands: true } };
}

/** The provider's webhooks, whose secret is known once the endpoint is registered. */
export interface PlainEvents extends WebhookProvider {
  use(secret: string): void;
  isReady(): boolean;
}

/** The name of the shop's one endpoint. */
export const SOURCE = "sandbox";
const BYTES_MAX = 64 * 1024;

/** Standard Webhooks, with what this provider's events prove of the shop's own operations. */
export function plainEvents(): PlainEvents {
  let present: WebhookProvider | undefined;
  return {
    source: SOURCE,
    bytesMax: BYTES_MAX,
    acknowledgement: { status: 200 },
    use(secret) {
      present = standardWebhook({ secret, source: SOURCE, bytesMax: BYTES_MAX, objectOf });
    },
    isReady: () => present !== undefined,
    async read(delivery, now) {
      if (present === undefined) throw new NevertwiceError("signature-wrong", "It has no secret.");
      const reading = await present.read(delivery, now);
      if (reading.kind !== "events") return reading;
      const events = reading.events.map((event) => ({ ...event, ...evidenceOf(event.payload) }));
      return { ...reading, events };
    },
  };
}
