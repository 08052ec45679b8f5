import { type Clock, systemClock } from "../model/clock.ts";
import {
  type Charge,
  type ChargeRequest,
  isObject,
  type Refund,
  type RefundRequest,
} from "./wire.ts";

export interface Decline {
  /** The provider's code, such as `card_declined`. */
  readonly code: string;
  readonly message: string;
}

/** What became of a call: definite, not known, or proven not to have happened. */
export type ProviderResult<Name extends string, Value> =
  | ({ readonly kind: "succeeded" } & { readonly [K in Name]: Value })
  | { readonly kind: "declined"; readonly decline: Decline }
  | {
      readonly kind: "unknown";
      readonly cause: string;
      /** Absent if there was no answer. */
      readonly status?: number;
    }
  | { readonly kind: "not-executed"; readonly cause: string };

export type ChargeResult = ProviderResult<"charge", Charge>;
export type RefundResult = ProviderResult<"refund", Refund>;

/**
 * An answer of the parts of the sandbox that a real provider does not have, passed on as it came.
 */
export type Passed =
  | { readonly kind: "answered"; readonly status: number; readonly body: unknown }
  | { readonly kind: "unreachable"; readonly cause: string };

export interface KeyOption {
  /** Without one the provider executes the request each time. */
  readonly idempotencyKey?: string;
}

/** Which entries of a list; all without any of these. */
export interface Wanted {
  /** That one alone, whatever else is wanted. */
  readonly id?: string;
  /** Only so many of the newest ones. */
  readonly limit?: number;
  /** Made then or later; milliseconds since the epoch, by the provider's clock. */
  readonly since?: number;
  /** Made under this idempotency key. */
  readonly key?: string;
}

export interface SandboxClient {
  charge(request: ChargeRequest, option?: KeyOption): Promise<ChargeResult>;
  refund(request: RefundRequest, option?: KeyOption): Promise<RefundResult>;
  /** `{ data: [...] }`, newest last. */
  charges(wanted?: Wanted): Promise<Passed>;
  refunds(wanted?: Wanted): Promise<Passed>;
  /** Queues `{ next: [...] }`; the body is checked by the sandbox. */
  queueFaults(body: unknown): Promise<Passed>;
  faults(): Promise<Passed>;
  clearFaults(): Promise<Passed>;
}

export interface SandboxClientOptions {
  /** How long one call may take, in milliseconds. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
}

/** Short for a person who watches, long for a provider on the same machine. */
const TIMEOUT_MS = 1_500;

/** Errors of connecting: with one of these no byte of the request left. */
const NEVER_LEFT: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]);

/** Refusals that leave open whether an earlier or parallel call with the same key was executed. */
const OPEN_STATUS: ReadonlySet<number> = new Set([401, 403, 408, 409, 425, 429]);

/** The shop's client of the sandbox at `url`. Its results are values; it never rejects. */
export function sandboxClient(url: string, options: SandboxClientOptions = {}): SandboxClient {
  const call = caller(url, options);
  const pass = async (method: string, path: string, body?: unknown): Promise<Passed> => {
    const reply = await call(method, path, body);
    if (reply.kind === "failed") return { kind: "unreachable", cause: reply.cause };
    if (reply.body === undefined) return { kind: "unreachable", cause: "The answer is not JSON." };
    return { kind: "answered", status: reply.status, body: reply.body };
  };
  return {
    charge: async (request, option) => {
      const result = judge(await call("POST", "/v1/charges", request, option));
      if (result.kind !== "succeeded") return result;
      return { kind: "succeeded", charge: result.value as Charge };
    },
    refund: async (request, option) => {
      const result = judge(await call("POST", "/v1/refunds", request, option));
      if (result.kind !== "succeeded") return result;
      return { kind: "succeeded", refund: result.value as Refund };
    },
    charges: (wanted) => pass("GET", `/v1/charges?${query(wanted)}`),
    refunds: (wanted) => pass("GET", `/v1/refunds?${query(wanted)}`),
    queueFaults: (body) => pass("POST", "/faults", body),
    faults: () => pass("GET", "/faults"),
    clearFaults: () => pass("DELETE", "/faults"),
  };
}

function query(wanted: Wanted = {}): string {
  const given = Object.entries(wanted).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return new URLSearchParams(given).toString();
}

/** An HTTP answer, its body undefined where it is no JSON; or how the exchange failed. */
type Reply =
  | { readonly kind: "answered"; readonly status: number; readonly body: unknown }
  | { readonly kind: "failed"; readonly cause: string; readonly left: boolean };

type Caller = (method: string, path: string, body?: unknown, key?: KeyOption) => Promise<Reply>;

function caller(url: string, options: SandboxClientOptions): Caller {
  const clock = options.clock ?? systemClock;
  const send = options.fetch ?? fetch;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  return async (method, path, body, option) => {
    const late = new AbortController();
    const done = new AbortController();
    const timer = clock.sleep(timeoutMs, done.signal).then(() => late.abort());
    const key = option?.idempotencyKey;
    try {
      const response = await send(new URL(path, url), {
        method,
        signal: late.signal,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { kind: "answered", status: response.status, body: parse(text) };
    } catch (error) {
      const cause = late.signal.aborted ? `no answer within ${timeoutMs} ms` : describe(error);
      return { kind: "failed", cause, left: !NEVER_LEFT.has(codeOf(error) ?? "") };
    } finally {
      done.abort();
      await timer;
    }
  };
}

type Judged =
  | { readonly kind: "succeeded"; readonly value: unknown }
  | Exclude<ChargeResult, { kind: "succeeded" }>;

/** What the wire may carry; nothing of it is taken for granted. */
interface AnswerBody {
  readonly id?: unknown;
  readonly error?: { readonly type?: unknown; readonly code?: unknown; readonly message?: unknown };
}

function judge(reply: Reply): Judged {
  if (reply.kind === "failed")
    return { kind: reply.left ? "unknown" : "not-executed", cause: reply.cause };
  const { status } = reply;
  if (!isObject(reply.body)) return { kind: "unknown", cause: `${status} with an unreadable body` };
  const { id, error }: AnswerBody = reply.body;
  if (status >= 200 && status < 300 && typeof id === "string")
    return { kind: "succeeded", value: reply.body };
  const definite = status >= 400 && status < 500 && !OPEN_STATUS.has(status);
  // With a key that was used for another request something may have happened under it.
  if (!definite || !isObject(error) || error.type === "idempotency_error")
    return { kind: "unknown", cause: `the provider answered ${status}`, status };
  const decline = { code: String(error.code), message: String(error.message) };
  return { kind: "declined", decline };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return codeOf(error) ?? message;
}
