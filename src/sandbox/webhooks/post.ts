import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import type { Clock } from "../../model/clock.ts";
import type { Letter } from "../webhook.ts";

/** What became of an attempt. */
export type Posted =
  | { readonly status: number }
  /** Nobody answered. */
  | { readonly error: string }
  | "closing";

export interface PostOptions {
  readonly clock: Clock;
  readonly closing: AbortSignal;
}

/** No provider waits longer for an endpoint's answer here. */
const TIMEOUT_MS = 5_000;
/** Nobody reads what an endpoint answers. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** Sends one delivery. Follows no redirect, and never rejects. */
export function post(url: string, letter: Letter, options: PostOptions): Promise<Posted> {
  const { clock, closing } = options;
  const { promise, resolve } = Promise.withResolvers<Posted>();
  const bytes = Buffer.from(letter.text, "utf8");
  const send = url.startsWith("https:") ? secureRequest : plainRequest;
  const request = send(url, {
    method: "POST",
    // A connection of its own, so that no delivery waits for another.
    agent: false,
    headers: { ...letter.headers, "content-length": bytes.length },
  });
  let posted: Posted = { error: "It ended before there was an answer." };
  const give = (up: Posted) => (): void => {
    if ("error" in Object(posted)) posted = up;
    request.destroy();
  };
  const abort = give("closing");
  const cancel = clock.timer(TIMEOUT_MS, give({ error: `No answer in ${TIMEOUT_MS} ms.` }));
  closing.addEventListener("abort", abort, { once: true });
  request.on("response", (response) => {
    posted = { status: response.statusCode ?? 0 };
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) request.destroy();
    });
    // An answer that breaks off has told its status.
    response.on("error", () => request.destroy());
  });
  request.on("error", (error: NodeJS.ErrnoException) => {
    if (posted !== "closing" && "error" in posted && error.code !== undefined)
      posted = { error: error.code };
  });
  request.on("close", () => {
    cancel();
    closing.removeEventListener("abort", abort);
    resolve(posted);
  });
  request.end(bytes);
  return promise;
}

/** Whether an address is one of this machine, whatever names stand in other files. */
export function isLoopback(url: URL): boolean {
  const { hostname } = url;
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
