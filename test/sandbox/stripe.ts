import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import Stripe from "stripe";
import type { LedgerEntry } from "../../src/sandbox/books.ts";
import { post, sandboxOf } from "./sandbox.ts";

export interface StripeBench {
  readonly url: string;
  /** The official SDK, which never retries by itself but for one closed connection. */
  client(secret?: string, options?: { readonly timeout?: number }): Stripe;
  ledger(): Promise<LedgerEntry[]>;
  /** Queues faults, or orders what is not a list. */
  faults(order: readonly string[] | object): Promise<void>;
  advance(ms: number): Promise<void>;
}

/** A sandbox and the official SDK for it. */
export async function stripeBench(context: TestContext): Promise<StripeBench> {
  const { url } = await sandboxOf(context);
  const order = async (path: string, body: unknown): Promise<void> => {
    const response = await post(`${url}/sandbox/${path}`, body);
    assert.equal(response.status, 200, await response.text());
  };
  return {
    url,
    client: (secret = "sk_test_x", options = {}) =>
      new Stripe(secret, {
        host: "127.0.0.1",
        port: Number(new URL(url).port),
        protocol: "http",
        maxNetworkRetries: 0,
        telemetry: false,
        ...options,
      }),
    ledger: async () => {
      const response = await fetch(`${url}/sandbox/ledger?provider=stripe`);
      return ((await response.json()) as { data: LedgerEntry[] }).data;
    },
    faults: (asked) => order("faults", Array.isArray(asked) ? { next: asked } : asked),
    advance: (advanceMs) => order("clock", { advanceMs }),
  };
}

export const PAYMENT = {
  amount: 1999,
  currency: "eur",
  confirm: true,
  payment_method: "pm_card_visa",
  metadata: { order: "7" },
} as const;

/** What a call of the SDK was refused with. */
export async function refusal(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Stripe.errors.StripeError, `not refused: ${String(error)}`);
  return error;
}
