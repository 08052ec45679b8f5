import type { Sweep } from "../core/inbox/sweep-list.ts";
import { isoTime } from "../model/clock.ts";
import { UNSIGNED_FINGERPRINT } from "../model/event.ts";
import { payPalEventOf } from "./paypal-event.ts";
import { memberOf, textAt } from "./read.ts";
import { type SweepOptions, sliceSweep } from "./sweep-slices.ts";

/**
 * Asks PayPal's API with an access token, for example by `fetch`.
 *
 * @param path begins with `/v1/`, and has a query
 * @returns the answer's body, parsed; throw for any status but 200
 */
export type PayPalGet = (path: string, call: { readonly signal: AbortSignal }) => Promise<unknown>;

const LIST = "/v1/notifications/webhooks-events";
const HOST = "https://api-m.paypal.com";
const PAGE_LENGTH = 100;
const KEPT_MS = 30 * 86_400_000;

/**
 * PayPal's own list of events, which it keeps for 30 days. Its events are no hints: PayPal itself
 * has told of them.
 *
 * @throws option-invalid
 * @see https://developer.paypal.com/api/webhooks/v1/webhooks-events-list
 * @example once.inbox(provider, handlers, { sweep: paypalSweep((path) => paypal.get(path)) });
 */
export function paypalSweep(get: PayPalGet, options: SweepOptions = {}): Sweep {
  return sliceSweep(options, KEPT_MS, async ({ from, to, after, signal }) => {
    const body = await get(after ?? firstPage(from, to), { signal });
    const events = memberOf(body, "events");
    if (!Array.isArray(events)) throw new Error("PayPal's list has no events.");
    return {
      events: events.map((event) => payPalEventOf(event, UNSIGNED_FINGERPRINT)),
      // What follows a page without events is nothing, whatever its links say.
      next: events.length === 0 ? undefined : nextPage(memberOf(body, "links")),
    };
  });
}

function firstPage(from: number, to: number): string {
  const query = new URLSearchParams({
    page_size: String(PAGE_LENGTH),
    start_time: seconds(from),
    // Without an end PayPal may take no notice of the start.
    end_time: seconds(to),
  });
  return `${LIST}?${query}`;
}

function seconds(ms: number): string {
  return isoTime(ms).replace(/\.\d+Z$/, "Z");
}

/** Only its path and query, so that the access token goes nowhere else. */
function nextPage(links: unknown): string | undefined {
  const list: readonly unknown[] = Array.isArray(links) ? links : [];
  const next = list.find((link) => textAt(link, "rel") === "next");
  if (next === undefined) return undefined;
  const url = URL.parse(textAt(next, "href") ?? "", HOST);
  if (url?.pathname !== LIST) throw new Error("PayPal's next page is on another path.");
  return url.pathname + url.search;
}
