import type { EffectCall } from "../core/effect.ts";
import { memberOf, textOf } from "./sdk-answer.ts";
import { callSdk, type Patience } from "./sdk-call.ts";

/** What is used of a `Client` of `@paypal/paypal-server-sdk`: its sign-in and its transport. */
export interface PayPalSdk {
  getRequestBuilderFactory(): (method: "GET" | "POST", path?: string) => PayPalRequestBuilder;
}

export interface PayPalRequestBuilder {
  header(name: string, value?: unknown): void;
  json(data: unknown): void;
  authenticate(by: { readonly oauth2: true }[]): void;
  requestRetryOption(option: number): void;
  validateResponse(validate: boolean): void;
  call(options: { readonly abortSignal: AbortSignal }): Promise<PayPalAnswer>;
}

interface PayPalAnswer {
  readonly statusCode: number;
  readonly body: unknown;
}

/** One request to PayPal. */
export interface PayPalRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  readonly key?: string;
}

/** Sends a request and gives the body of a success. */
export type PayPalSender = (
  request: PayPalRequest,
  call: Pick<EffectCall, "signal">,
) => Promise<unknown>;

/** The SDK's `RequestRetryOption.Disable`. */
const NO_RETRY = 1;
const TOKEN_PATH = "/v1/oauth2/token";

/**
 * The SDK repeats no request of ours, whatever it is configured to: a repetition would hide the
 * first try, and a connection that is refused then would prove nothing.
 *
 * A client of the SDK (2.5.0) whose sign-in failed once gives that error for ever, and one whose
 * token was revoked sends it for ever. One that is handed in as a function is made anew then.
 */
export function paypalSender(
  client: PayPalSdk | (() => PayPalSdk),
  patience: Patience,
): PayPalSender {
  let made: PayPalSdk | undefined;
  const connect = (): PayPalSdk => {
    made ??= typeof client === "function" ? client() : client;
    return made;
  };
  return async ({ method, path, body, key }, call) => {
    const builder = connect().getRequestBuilderFactory()(method, path);
    builder.header("Prefer", "return=representation");
    builder.header("PayPal-Request-Id", key);
    if (method === "POST") {
      builder.header("Content-Type", "application/json");
      builder.json(body ?? {});
    }
    builder.authenticate([{ oauth2: true }]);
    builder.requestRetryOption(NO_RETRY);
    builder.validateResponse(false);
    try {
      const send = (abortSignal: AbortSignal) => builder.call({ abortSignal });
      return read(await callSdk(patience, call, send));
    } catch (error) {
      if (isSignIn(error) || refusalIn(error)?.status === 401) made = undefined;
      throw error;
    }
  };
}

/** Whether it was the request for an access token that failed, before the one that matters. */
export function isSignIn(error: unknown): boolean {
  const answered = textOf(error, "request", "url");
  const url = answered ?? textOf(error, "config", "url");
  return url?.endsWith(TOKEN_PATH) === true;
}

/** @throws an error with `paypal`, the refusal, for anything but a success */
function read({ statusCode, body }: PayPalAnswer): unknown {
  const json: unknown = typeof body === "string" && body !== "" ? parse(body) : undefined;
  if (statusCode >= 200 && statusCode < 300) return json;
  throw Object.assign(new Error(`PayPal answered ${statusCode}.`), {
    paypal: refusalOf(statusCode, json),
  });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export interface PayPalRefusal {
  readonly status: number;
  /** Such as `UNPROCESSABLE_ENTITY`. */
  readonly name: string;
  /** Such as `INSTRUMENT_DECLINED`; most refusals have one. */
  readonly issues: readonly string[];
  readonly message: string;
  readonly debugId: string;
  /** Where the payer can still do something about it. */
  readonly payerUrl: string | undefined;
}

function refusalOf(status: number, json: unknown): PayPalRefusal {
  const details = memberOf(json, "details");
  const issues = Array.isArray(details) ? details.map((detail) => textOf(detail, "issue")) : [];
  return {
    status,
    name: textOf(json, "name") ?? "",
    issues: issues.filter((issue) => issue !== undefined),
    message: textOf(json, "message") ?? "",
    debugId: textOf(json, "debug_id") ?? "",
    payerUrl: linkOf(json, ["payer-action", "redirect", "approve"]),
  };
}

/** The address of the first link that has one of the relations. */
export function linkOf(json: unknown, relations: readonly string[]): string | undefined {
  const links = memberOf(json, "links");
  if (!Array.isArray(links)) return undefined;
  const link = links.find((one) => relations.includes(textOf(one, "rel") ?? ""));
  return textOf(link, "href");
}

export function refusalIn(error: unknown): PayPalRefusal | undefined {
  return memberOf(error, "paypal") as PayPalRefusal | undefined;
}
