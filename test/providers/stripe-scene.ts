import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import Stripe from "stripe";
import type { Effect } from "../../src/core/effect.ts";
import {
  type StripeEffects,
  type StripeOptions,
  stripeEffects,
} from "../../src/providers/stripe.ts";
import type { LedgerEntry } from "../../src/sandbox/books.ts";
import { attempt, callWith, type Ended, type Ground, groundOf } from "./attempt.ts";

export const CARD = {
  amount: 1999,
  currency: "eur",
  confirm: true,
  payment_method: "pm_card_visa",
  metadata: { order: "7" },
} as const;

export const CREATE = "POST /v1/payment_intents";

/** The official SDK, pointed at an address on this machine. */
export function sdkOf(url: string, secret = "sk_test_x"): Stripe {
  const port = Number(new URL(url).port);
  return new Stripe(secret, { host: "127.0.0.1", port, protocol: "http", telemetry: false });
}

/** Long enough for a busy machine to answer, short enough to wait for. */
export const TIMEOUT_MS = 1_500;

export interface StripeScene extends Ground {
  readonly stripe: Stripe;
  readonly effects: StripeEffects<Stripe>;
  /** What stands in the ledger of a kind, other than failed. */
  standing(kind: string): Promise<LedgerEntry[]>;
}

/** The verdict of one send under a key, in a word. */
export async function verdict(
  effect: Effect<unknown, unknown>,
  key?: string,
): Promise<string | undefined> {
  const ended: Ended<unknown, unknown> = await attempt(effect, callWith(key));
  return ended.kind === "in-doubt" ? ended.because : ended.kind;
}

/** The code of the decline that a send under a key ends with. */
export async function declineCode<Decline extends { readonly code: string }>(
  effect: Effect<unknown, Decline>,
  key?: string,
): Promise<string | undefined> {
  const ended = await attempt(effect, callWith(key));
  return "decline" in ended ? ended.decline.code : undefined;
}

export async function stripeScene(
  context: TestContext,
  options: StripeOptions = {},
): Promise<StripeScene> {
  const scene = await groundOf(context, "stripe");
  const stripe = sdkOf(scene.url);
  return {
    ...scene,
    stripe,
    standing: async (kind) =>
      (await scene.ledger()).filter((entry) => entry.kind === kind && entry.status !== "failed"),
    effects: stripeEffects(stripe, { timeoutMs: TIMEOUT_MS, ...options }),
  };
}

/** One answer of the API; undefined closes the connection without one. */
export type Scripted =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: unknown;
    }
  | undefined;

export interface ScriptedApi {
  readonly effects: StripeEffects<Stripe>;
  readonly requests: { readonly line: string; readonly key: unknown; readonly body: string }[];
}

/** Answers of the documented form that the sandbox has no reason to give, in order. */
export async function scriptedApi(
  context: TestContext,
  ...answers: readonly Scripted[]
): Promise<ScriptedApi> {
  const requests: ScriptedApi["requests"] = [];
  const server = createServer(async (request, response) => {
    const next = answers[requests.length];
    const line = `${request.method} ${request.url}`;
    const entry = { line, key: request.headers["idempotency-key"], body: "" };
    requests.push(entry);
    for await (const chunk of request) entry.body += decodeURIComponent(String(chunk));
    if (next === undefined) return void request.socket.resetAndDestroy();
    const body = typeof next.body === "string" ? next.body : JSON.stringify(next.body);
    response.writeHead(next.status, { "request-id": "req_1", ...next.headers }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { effects: stripeEffects(sdkOf(url), { timeoutMs: TIMEOUT_MS }), requests };
}
