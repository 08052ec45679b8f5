/**
 * The handlers that exist already, each ending its response in its framework's own way. Each calls
 * `wiring.run` with its own name first; `run` below is the number that it got.
 */
export interface Handlers<Handler> {
  /** 201 and the JSON `{ "run": run, "name": "Zoë" }`. */
  readonly json: Handler;
  /** 200 and the text `Zoë, run <run>`, in UTF-8. */
  readonly text: Handler;
  /** 204 without a body. */
  readonly empty204: Handler;
  /** 200 without a body. */
  readonly empty200: Handler;
  /** 200 and the JSON `0`. */
  readonly zero: Handler;
  /** 200 and the JSON `false`. */
  readonly no: Handler;
  /** 200 and the JSON `null`. */
  readonly nothing: Handler;
  /** 200, application/octet-stream, and the bytes 0 to 255. */
  readonly binary: Handler;
  /** 202 and the text `run <run>`, by the lowest means that the framework has. */
  readonly ended: Handler;
  /** 200, text/plain, and the text of `streamedText(run)` as a stream of several chunks. */
  readonly streamed: Handler;
  /** 201, JSON `{ "run": run }`, and `HEADERS`, with two cookies `a=<run>` and `b=<run>`. */
  readonly headers: Handler;
  /** 402 and the JSON `{ "run": run, "reason": "card_declined" }`. */
  readonly declined: Handler;
  /** 404, returned, and the JSON `{ "run": run }`. */
  readonly missing: Handler;
  /** Throws an error without a status. */
  readonly thrown: Handler;
  /** Throws, in the framework's way, an error with the status 410. */
  readonly gone: Handler;
  /** Answers 500 and a JSON. */
  readonly broken: Handler;
  /** 429 with `Retry-After: 7` and the JSON `{ "run": run }`. */
  readonly limited: Handler;
  /** 401 with `WWW-Authenticate: Bearer` and the JSON `{ "run": run }`. */
  readonly unauthorised: Handler;
  /** 403 and the JSON `{ "run": run }`. */
  readonly forbidden: Handler;
  /** Awaits `wiring.gate`, then 201 and the JSON `{ "run": run }`. */
  readonly slow: Handler;
  /** 200 and the parsed JSON body of the request. */
  readonly echo: Handler;
  /** After an await, the `name`, `scope`, `key` and `attempt` of `currentOperation()` as JSON. */
  readonly current: Handler;
  /** 200 and a text of `RESPONSE_BYTES_MAX + 1` bytes. */
  readonly large: Handler;
  /** 200 and a stream that goes on as long as anybody takes its bytes. */
  readonly endless: Handler;
  /** 200, text/event-stream, one event, and no end. */
  readonly events: Handler;
}

export type HandlerName = keyof Handlers<unknown>;

/** What `headers` sets besides its cookies; `x-order` is named by the mount, `x-private` is not. */
export const HEADERS = {
  location: "/orders/1",
  "content-language": "en",
  "x-order": "order_1",
  "x-private": "private",
};

/** Larger than one chunk of any framework, smaller than what is kept. */
export function streamedText(run: number): string {
  return `run ${run} ${"Zoë ".repeat(700)}`;
}
