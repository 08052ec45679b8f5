import assert from "node:assert/strict";
import { ERRORS, type ErrorCode } from "../../src/index.ts";
import type { HandlerName } from "./handlers.ts";
import { jsonOf, type Received, type Sending, type UnderWay } from "./wire.ts";
import type { House, HouseOptions } from "./wiring.ts";

/** A request as a case writes it; null leaves the header out. */
export interface Posting extends Sending {
  readonly key?: string | string[] | null;
  readonly account?: string | null;
  /** Sent as application/json. */
  readonly json?: unknown;
}

export interface Scene {
  readonly house: House;
  readonly url: string;
  /** Posts with the key `key-1` of `acct_1`, unless told otherwise. */
  post(path: string, posting?: Posting): Promise<Received>;
  begin(path: string, posting?: Posting): UnderWay;
  /** Sends exactly what it is given. */
  raw(path: string, sending: Sending): Promise<Received>;
}

export interface Case {
  /** Begins with the number of the situation that it plays. */
  readonly title: string;
  readonly needs?: readonly HandlerName[];
  readonly options?: HouseOptions;
  /** Whether the door can answer a wrapped request before its handler has; both if left out. */
  readonly asynchronous?: boolean;
  run(scene: Scene): Promise<void>;
}

export const ORDER = { cartId: "cart_1", amount: 4200 };

/** The headers that a replay gives again. */
const REPLAYED = [
  "content-type",
  "content-language",
  "content-encoding",
  "location",
  "link",
  "etag",
  "x-order",
];

/** The second answer is the first one again: status, bytes and the headers that belong to it. */
export function assertReplay(first: Received, second: Received): void {
  assert.equal(first.headers["idempotent-replayed"], undefined);
  assert.equal(second.headers["idempotent-replayed"], "true");
  assert.equal(second.status, first.status);
  assert.deepEqual(second.body, first.body);
  for (const name of REPLAYED) assert.equal(second.headers[name], first.headers[name], name);
  assert.equal(second.headers["set-cookie"], undefined);
  assert.equal(second.headers["cache-control"], "no-store");
}

/** The answer is the problem of that code, whole and in the right form. */
export function assertProblem(received: Received, code: ErrorCode): Record<string, unknown> {
  const problem = jsonOf(received);
  assert.equal(problem["code"], code);
  assert.equal(received.status, ERRORS[code].status);
  assert.equal(received.headers["content-type"], "application/problem+json");
  assert.equal(received.headers["cache-control"], "no-store");
  assert.equal(String(problem["type"]).split("/").at(-1), code);
  assert.equal(problem["status"], received.status);
  assert.equal(problem["title"], ERRORS[code].title);
  assert.match(String(problem["retry"]), /^(?:same-key|new-key|never)$/);
  const told = received.headers["retry-after"];
  if (problem["retry"] === "same-key") assert.match(String(told), /^[1-9]\d*$/);
  else assert.equal(told, undefined);
  return problem;
}

/** Lets the loop turn until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < end, `This never came: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
