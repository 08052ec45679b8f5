import { NevertwiceError } from "./errors.ts";
import { encodeJson } from "./json.ts";
import { toReference } from "./reference.ts";

/** The two final results. */
export type OutcomeKind = "succeeded" | "failed";

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The final result as it is stored and replayed, byte for byte. */
export interface Outcome {
  readonly kind: OutcomeKind;
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  /**
   * What to look the result up by when the response is no longer kept: an order id, a charge id.
   */
  readonly reference?: string;
}

const RESULT: unique symbol = Symbol.for("nevertwice.result");

/** What a handler returns to end its operation, made by `ok` or `fail`. */
export interface Result<Body, Kind extends OutcomeKind = OutcomeKind> {
  readonly [RESULT]: Kind;
  readonly status: number;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string>>;
  readonly reference: string | undefined;
}

export interface ResultOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly reference?: string;
}

/** Ends the operation as succeeded. @example return ok({ orderId }, 201, { reference: orderId }) */
export function ok<const Body = undefined>(
  body?: Body,
  status = 200,
  options: ResultOptions = {},
): Result<Body, "succeeded"> {
  return result("succeeded", body as Body, status, options);
}

/**
 * Ends the operation as failed, for good: it is stored and replayed.
 *
 * @example return fail({ reason: "card_declined" }, 402)
 */
export function fail<const Body = undefined>(
  body?: Body,
  status = 422,
  options: ResultOptions = {},
): Result<Body, "failed"> {
  return result("failed", body as Body, status, options);
}

function result<Body, Kind extends OutcomeKind>(
  kind: Kind,
  body: Body,
  status: number,
  options: ResultOptions,
): Result<Body, Kind> {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new NevertwiceError(
      "option-invalid",
      `An outcome's status is a number from 200 to 599, not ${status}.`,
    );
  }
  return {
    [RESULT]: kind,
    status,
    body,
    headers: options.headers ?? {},
    reference: options.reference,
  };
}

/**
 * True for what `ok` and `fail` return, also across two copies of the library.
 *
 * @internal
 */
export function isResult(value: unknown): value is Result<unknown> {
  return typeof value === "object" && value !== null && RESULT in value;
}

/**
 * The kind that a result was made with.
 *
 * @internal
 */
export function resultKind(value: Result<unknown>): OutcomeKind {
  return value[RESULT];
}

/**
 * The bytes to store for what a handler returned; a plain value is `ok(value)`.
 *
 * @throws not-json, option-invalid
 */
export function toOutcome(value: unknown): Outcome {
  const given = isResult(value) ? value : ok(value);
  const body = encodeJson(given.body);
  const headers = Object.entries(given.headers).map(([name, text]) =>
    checkHeader(name.toLowerCase(), text),
  );
  if (body.length > 0 && !headers.some(([name]) => name === "content-type"))
    headers.unshift(["content-type", "application/json"]);
  const status = body.length === 0 && given.status === 200 ? 204 : given.status;
  const reference = toReference(given.reference);
  return {
    kind: resultKind(given),
    status,
    headers,
    body,
    ...(reference === undefined ? {} : { reference }),
  };
}

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A header that Node will accept again at replay. @throws option-invalid */
export function checkHeader(name: string, value: string): readonly [string, string] {
  if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) {
    throw new NevertwiceError(
      "option-invalid",
      `The response header ${JSON.stringify(name.slice(0, 64))} cannot be replayed.`,
    );
  }
  return [name, value];
}

/** Statuses that speak of the moment, not of the operation: never stored. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 425, 429]);

/** How a status that a handler returned or threw is judged. */
export function judgeStatus(status: number): "succeeded" | "failed" | "passing" | "error" {
  if (status >= 500) return "error";
  if (PASSING.has(status)) return "passing";
  return status >= 400 ? "failed" : "succeeded";
}
