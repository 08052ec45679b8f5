import assert from "node:assert/strict";
import type { Delivery, Reading, WebhookProvider } from "../../src/model/delivery.ts";
import { type ErrorCode, isNevertwiceError } from "../../src/model/errors.ts";
import type { AuthenticEvent } from "../../src/model/event.ts";

export type Headers = Readonly<Record<string, string | readonly string[]>>;

export interface DeliveryParts {
  readonly method?: string;
  readonly url?: string;
  /** A list stands for a header that came several times. */
  readonly headers: Headers;
  readonly body: string | Uint8Array;
}

/** A delivery as it would have come over the wire. */
export function delivery({ method, url, headers, body }: DeliveryParts): Delivery {
  const values = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(headers))
    values.set(name.toLowerCase(), typeof value === "string" ? [value] : value);
  return {
    method: method ?? "POST",
    url: url ?? "/webhooks",
    header: (name) => values.get(name) ?? [],
    body: typeof body === "string" ? Buffer.from(body) : body,
  };
}

/** Asserts that the work is refused with that code. */
export async function refusedWith(code: ErrorCode, work: () => unknown): Promise<void> {
  await assert.rejects(
    async () => work(),
    (error) => {
      assert.ok(isNevertwiceError(error), String(error));
      assert.equal(error.code, code, error.message);
      return true;
    },
  );
}

/** Whether the provider takes the delivery, for a comparison with an official package. */
export async function isTaken(
  provider: WebhookProvider,
  parts: DeliveryParts,
  now: number,
): Promise<boolean> {
  try {
    await provider.read(delivery(parts), now);
    return true;
  } catch (error) {
    if (isNevertwiceError(error)) return false;
    throw error;
  }
}

/** The reading of a delivery that holds events. */
export async function eventsOf(
  provider: WebhookProvider,
  parts: DeliveryParts,
  now: number,
): Promise<Extract<Reading, { kind: "events" }>> {
  const reading = await provider.read(delivery(parts), now);
  assert.equal(reading.kind, "events");
  return reading as Extract<Reading, { kind: "events" }>;
}

/** The only event of a delivery. */
export async function eventOf(
  provider: WebhookProvider,
  parts: DeliveryParts,
  now: number,
): Promise<AuthenticEvent> {
  const { events } = await eventsOf(provider, parts, now);
  assert.equal(events.length, 1);
  return events[0] as AuthenticEvent;
}

/** The same bytes with one of them changed. */
export function altered(body: string | Uint8Array, index: number): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(body as string));
  const at = index % bytes.length;
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}
