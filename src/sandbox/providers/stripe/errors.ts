import type { Answer, Call, KeptAnswer, Refusal } from "../../provider.ts";

export interface StripeError {
  readonly type: "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";
  readonly message: string;
  readonly code?: string;
  readonly decline_code?: string;
  readonly param?: string;
  readonly charge?: string;
  readonly payment_intent?: unknown;
  readonly payment_method?: unknown;
}

export function errorAnswer(status: number, error: StripeError): Answer {
  return { status, body: { error } };
}

/** A request whose parameters make no sense; nothing began, so the key stays free. */
export function invalid(message: string, param?: string, code?: string): Answer {
  const error: StripeError = {
    type: "invalid_request_error",
    message,
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
  };
  return { ...errorAnswer(400, error), refused: true };
}

export function missing(param: string): Answer {
  return invalid(`Missing required param: ${param}.`, param, "parameter_missing");
}

export function noSuch(noun: string, id: string, param = "id"): Answer {
  const message = `No such ${noun}: '${id}'`;
  const error = {
    type: "invalid_request_error",
    message,
    code: "resource_missing",
    param,
  } as const;
  return { ...errorAnswer(404, error), refused: true };
}

/** What the request asks is not possible any more; it was executed as far as finding that out. */
export function impossible(code: string, message: string, more: Partial<StripeError> = {}): Answer {
  return errorAnswer(400, { type: "invalid_request_error", code, message, ...more });
}

/** Advice to the SDKs. Absent where the server cannot tell. */
const RETRY = { "stripe-should-retry": "true" } as const;
const NO_RETRY = { "stripe-should-retry": "false" } as const;

/** @see https://docs.stripe.com/error-low-level */
export function refuse(refusal: Refusal, call: Call, kept?: KeptAnswer): Answer {
  switch (refusal) {
    case "internal":
      return {
        ...errorAnswer(500, {
          type: "api_error",
          message: "An unknown error occurred. Its result may or may not have been applied.",
        }),
        headers: call.key === undefined ? {} : NO_RETRY,
      };
    case "unavailable":
      return errorAnswer(503, { type: "api_error", message: "The API is not available now." });
    case "rate-limited":
      return {
        ...errorAnswer(429, {
          type: "invalid_request_error",
          code: "rate_limit",
          message: "Too many requests hit the API too quickly.",
        }),
        headers: { ...RETRY, "stripe-rate-limited-reason": "global-rate" },
      };
    case "unauthenticated":
      return errorAnswer(401, {
        type: "invalid_request_error",
        message: "You did not provide an API key. Send it as Authorization: Bearer sk_test_...",
      });
    case "not-found":
      return errorAnswer(404, {
        type: "invalid_request_error",
        message: `Unrecognized request URL (${call.method}: ${call.path}).`,
      });
    case "body-malformed":
      return invalid("Invalid request: the body could not be read. Send a form.");
    case "body-too-large":
      return errorAnswer(413, { type: "invalid_request_error", message: "The body is too large." });
    default:
      return refuseKey(refusal, call, kept);
  }
}

function refuseKey(refusal: Refusal, call: Call, kept: KeptAnswer | undefined): Answer {
  if (refusal === "key-in-use")
    return {
      ...errorAnswer(409, {
        type: "idempotency_error",
        code: "idempotency_key_in_use",
        message: `Another request with the idempotency key '${call.key}' is in progress.`,
      }),
      headers: RETRY,
    };
  if (refusal !== "key-reused")
    return invalid("An idempotency key must be between 1 and 255 characters long.");
  const same = kept?.endpoint === `${call.method} ${call.path}`;
  const what = same ? "with the same parameters" : "for the same endpoint";
  const message =
    `Keys for idempotent requests can only be used ${what} they were first used with. ` +
    `Try another key than '${call.key}' if you meant to execute a different request.`;
  return {
    ...errorAnswer(400, { type: "idempotency_error", message }),
    headers: NO_RETRY,
  };
}
