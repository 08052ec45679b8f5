import type { Sweep } from "../core/inbox/sweep-list.ts";
import { isoTime } from "../model/clock.ts";
import { UNSIGNED_FINGERPRINT } from "../model/event.ts";
import { memberOf, textAt } from "./read.ts";
import { squareEvent } from "./square.ts";
import { plain, type SweepOptions, sliceSweep } from "./sweep-slices.ts";

/** What is used of a client of the official `square` package. */
export interface SquareEventsSdk {
  readonly events: {
    searchEvents(
      request: {
        limit: number;
        cursor?: string;
        query: {
          filter: { createdAt: { startAt: string; endAt: string }; eventTypes?: string[] };
        };
      },
      options: { abortSignal: AbortSignal; timeoutInSeconds: number },
    ): PromiseLike<{
      readonly events?: readonly object[] | undefined;
      readonly errors?: readonly object[] | undefined;
      readonly cursor?: string | undefined;
    }>;
  };
}

export interface SquareSweepOptions extends SweepOptions {
  /** The types that the endpoint is subscribed to; all by default. */
  readonly types?: readonly string[];
}

const PAGE_LENGTH = 100;
const TIMEOUT_S = 20;
/** Square searches 28 days; what lies at the edge of them would be refused. */
const KEPT_MS = 28 * 86_400_000 - 3_600_000;

/**
 * Square's own list of events, which has to be enabled once, and which it keeps for 28 days. It
 * wants a personal access token.
 *
 * @throws option-invalid
 * @see https://developer.squareup.com/docs/events-api/overview
 * @example once.inbox(provider, handlers, { sweep: squareSweep(client) });
 */
export function squareSweep(client: SquareEventsSdk, options: SquareSweepOptions = {}): Sweep {
  const { types } = options;
  return sliceSweep(options, KEPT_MS, async ({ from, to, after, signal }) => {
    const createdAt = { startAt: isoTime(from), endAt: isoTime(to) };
    const filter = types === undefined ? { createdAt } : { createdAt, eventTypes: [...types] };
    const { events, errors, cursor } = await client.events.searchEvents(
      {
        ...{ limit: PAGE_LENGTH, query: { filter } },
        ...(after === undefined ? {} : { cursor: after }),
      },
      { abortSignal: signal, timeoutInSeconds: TIMEOUT_S },
    );
    if (errors !== undefined && errors.length > 0)
      throw new Error("Square's search of events ended with errors.", { cause: errors });
    return {
      events: (events ?? []).map((event) => squareEvent(signedForm(event), UNSIGNED_FINGERPRINT)),
      next: cursor === "" ? undefined : cursor,
    };
  });
}

/** An event as a webhook has it; the package writes the names of its members in another way. */
function signedForm(event: object): unknown {
  const time = textAt(event, "createdAt");
  return plain({
    merchant_id: memberOf(event, "merchantId"),
    location_id: memberOf(event, "locationId"),
    type: memberOf(event, "type"),
    event_id: memberOf(event, "eventId"),
    // The list leaves the zone out, and it is UTC.
    created_at: time === undefined || /(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`,
    data: memberOf(event, "data"),
  });
}
