import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Books, LedgerEntry } from "../../src/sandbox/books.ts";
import type { Answer, Call, KeyRules, Provider } from "../../src/sandbox/provider.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { directoryOf, post } from "./sandbox.ts";

const RULES: KeyRules = {
  carrier: { header: "idempotency-key" },
  required: false,
  minLength: 1,
  maxLength: 20,
  space: "account",
  keeps: "everything",
  replay: "bytes",
  mismatch: "refuse",
  retentionMs: 3_600_000,
};

export interface Payment {
  readonly id: string;
  readonly amount: number;
  readonly status: string;
}

/** A provider small enough to see nothing but the rules of the desk. */
export function acmeProvider(rules: Partial<KeyRules>): Provider {
  const current = (books: Books, id: string): Answer => ({
    status: 200,
    body: books.find<Payment>("payment", id),
  });
  return {
    name: "acme",
    title: "Acme",
    setup: (url) => url,
    rules: { ...RULES, ...rules },
    routes: [
      {
        method: "POST",
        path: "/payments",
        run: (call, books) => {
          const { amount } = call.body as { amount: number };
          if (amount < 0) return { status: 422, body: { error: "negative" }, refused: true };
          if (call.decline) return { status: 402, body: { error: "declined" } };
          const made = { id: books.identify("pay_"), amount, status: "open" };
          books.insert("payment", made);
          books.record({ kind: "payment", id: made.id, amount, currency: "eur", status: "open" });
          return { status: 201, body: made, made: made.id, headers: { "x-made": made.id } };
        },
        current: (_, books, id) => current(books, id),
      },
      {
        method: "POST",
        path: "/payments/:id/close",
        run: (call, books) => {
          const { id = "" } = call.parameters;
          const payment = books.find<Payment>("payment", id);
          if (payment === undefined) return { status: 404, refused: true };
          books.update("payment", { ...payment, status: "closed" });
          books.mark("payment", id, { status: "closed" });
          return { status: 204 };
        },
      },
      {
        method: "GET",
        path: "/payments",
        run: (_, books) => ({ status: 200, body: [...books.each("payment", "search")] }),
      },
    ],
    recognises: () => false,
    account: (head) => head.headers["x-account"] ?? "one",
    refuse: (refusal, _, kept) => ({
      status: refusal === "internal" ? 500 : 409,
      body: { refusal, ...(kept?.made === undefined ? {} : { made: kept.made }) },
    }),
    headers: (_: Call, kept) => ({ "x-replayed": String(kept !== undefined) }),
  };
}

export async function acme(
  context: TestContext,
  rules: Partial<KeyRules> = {},
): Promise<Sandbox & { readonly pay: (key?: string, body?: unknown) => Promise<Response> }> {
  const file = join(await directoryOf(context), "acme.db");
  const sandbox = await startSandbox({ file, port: 0, providers: [acmeProvider(rules)] });
  context.after(() => sandbox.close());
  return {
    ...sandbox,
    pay: (key, body = { amount: 5 }) => post(`${sandbox.url}/acme/payments`, body, key),
  };
}

export async function ledger(url: string): Promise<LedgerEntry[]> {
  const response = await fetch(`${url}/sandbox/ledger`);
  return ((await response.json()) as { data: LedgerEntry[] }).data;
}

export const fault = (url: string, ...next: string[]): Promise<Response> =>
  post(`${url}/sandbox/faults`, { next });
