import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { TestContext } from "node:test";
import type { Effect, EffectCall } from "../../src/core/effect.ts";
import {
  type Declined,
  inDoubt,
  isDeclined,
  isNotExecuted,
  isRefused,
  type Judgement,
} from "../../src/core/judgement.ts";
import type { LedgerEntry } from "../../src/sandbox/books.ts";
import type { Sandbox } from "../../src/sandbox/server.ts";
import { sandboxOf } from "../sandbox/sandbox.ts";

/** How one send, or a look-up, ended. */
export type Ended<Value, Decline> =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "declined" | "refused"; readonly decline: Decline }
  | { readonly kind: "not-executed"; readonly proof: string }
  | { readonly kind: "in-doubt"; readonly because: string };

export const KEY = "0198c0de-0000-8000-8000-000000000001";

export function callWith(key: string = KEY, signal = new AbortController().signal): EffectCall {
  return { key, signal, since: Date.now(), checkTime: () => undefined };
}

/** Sends an effect once and says what its own judge makes of the end. */
export async function attempt<Value, Decline>(
  effect: Effect<Value, Decline>,
  call: EffectCall = callWith(),
): Promise<Ended<Value, Decline>> {
  let judged: unknown;
  try {
    judged = await effect.send(call);
  } catch (error) {
    const judgement: Judgement<Decline> = effect.judge?.(error) ?? inDoubt("unanswered");
    if ("because" in judgement) return { kind: "in-doubt", because: judgement.because };
    judged = judgement;
  }
  if (isNotExecuted(judged)) return { kind: "not-executed", proof: judged.proof };
  if (isDeclined(judged))
    return { kind: "declined", decline: (judged as Declined<Decline>).decline };
  if (isRefused(judged)) return { kind: "refused", decline: judged.decline as Decline };
  // What is recorded is JSON, so a value that does not survive it is a mistake of the adapter.
  assert.deepEqual(JSON.parse(JSON.stringify(judged)), judged);
  return { kind: "value", value: judged as Value };
}

/** @throws unless the send ended with a value */
export async function valueFrom<Value, Decline>(
  effect: Effect<Value, Decline>,
  call: EffectCall = callWith(),
): Promise<Value> {
  const ended = await attempt(effect, call);
  assert.equal(ended.kind, "value", JSON.stringify(ended));
  return (ended as { value: Value }).value;
}

/** Where nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

/** A sandbox, and what a test orders of it. */
export interface Ground extends Sandbox {
  fault(endpoint: string, ...next: string[]): Promise<void>;
  advance(advanceMs: number): Promise<void>;
  set(settings: Record<string, number>): Promise<void>;
  ledger(): Promise<LedgerEntry[]>;
}

export async function groundOf(context: TestContext, provider: string): Promise<Ground> {
  const sandbox = await sandboxOf(context);
  const post = async (path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`${sandbox.url}/sandbox/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 200, await answer.text());
  };
  return {
    ...sandbox,
    fault: (endpoint, ...next) => post("faults", { next, provider, endpoint }),
    advance: (advanceMs) => post("clock", { advanceMs }),
    set: (settings) => post("settings", { ...settings, provider }),
    ledger: async () => {
      const answer = await fetch(`${sandbox.url}/sandbox/ledger?provider=${provider}`);
      return ((await answer.json()) as { data: LedgerEntry[] }).data;
    },
  };
}
