import type { ServerResponse } from "node:http";
import type { Clock } from "../model/clock.ts";
import type { Loss } from "./faults.ts";

/** An answer as it goes over the wire. */
export interface Delivery {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A call that never answers holds its socket until the client gives up, but no longer than this.
 */
const HOLD_MS = 60_000;

export function deliver(response: ServerResponse, delivery: Delivery): void {
  const bytes = Buffer.from(delivery.text, "utf8");
  response.writeHead(delivery.status, headersOf(delivery, bytes));
  response.end(bytes);
}

/** Delivers a JSON value, for the sandbox's own routes. */
export function deliverJson(response: ServerResponse, status: number, value: unknown): void {
  deliver(response, { status, text: JSON.stringify(value), headers: {} });
}

export interface Holding {
  readonly clock: Clock;
  readonly closing: AbortSignal;
}

/** Loses an answer on its way, but for a 500, which is an answer too and comes as `delivery`. */
export async function lose(
  response: ServerResponse,
  how: Loss,
  delivery: Delivery,
  holding: Holding,
): Promise<void> {
  switch (how) {
    case "500":
      return deliver(response, delivery);
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "truncated":
      return truncate(response, delivery);
    case "timeout":
      return await hold(response, holding);
  }
}

function truncate(response: ServerResponse, delivery: Delivery): void {
  const bytes = Buffer.from(delivery.text, "utf8");
  response.writeHead(delivery.status, headersOf(delivery, bytes));
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.destroy());
}

/** Keeps the client waiting until it gives up. */
export async function hold(response: ServerResponse, { clock, closing }: Holding): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  response.once("close", end);
  closing.addEventListener("abort", end, { once: true });
  if (!response.destroyed && !closing.aborted) await clock.sleep(HOLD_MS, over.signal);
  closing.removeEventListener("abort", end);
  response.socket?.destroy();
}

function headersOf(delivery: Delivery, bytes: Buffer): Record<string, string | number> {
  const length = delivery.status === 204 ? {} : { "content-length": bytes.length };
  const type = bytes.length === 0 ? {} : { "content-type": "application/json" };
  return { ...type, ...delivery.headers, ...length };
}
