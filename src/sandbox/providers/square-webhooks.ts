import { createHmac } from "node:crypto";
import { isoTime } from "../../model/clock.ts";
import type { Books } from "../books.ts";
import type { Answer, Call, Route } from "../provider.ts";
import { anySuccess, JSON_TYPE, type ProviderEvent, type Webhooks } from "../webhook.ts";

interface Kept {
  readonly id: string;
  readonly status: string;
  readonly location_id?: string;
}

/** @see https://developer.squareup.com/docs/webhooks/overview */
export const squareWebhooks: Webhooks = {
  events: ({ kind, before, after }, { account, identify, now }) => {
    const { key, ...object } = after as Kept & { readonly key?: string };
    const told = (verb: "created" | "updated", shown: Kept): ProviderEvent => {
      const type = `${kind}.${verb}`;
      const id = uuidOf(identify);
      const body = {
        merchant_id: account,
        ...(shown.location_id === undefined ? {} : { location_id: shown.location_id }),
        type,
        event_id: id,
        created_at: isoTime(now),
        data: { type: kind, id: shown.id, object: { [kind]: shown } },
      };
      return { id, type, object: shown.id, body };
    };
    if (before !== undefined) return [told("updated", object)];
    // A payment is approved first, also if it is completed in the same request.
    return kind === "payment" && object.status === "COMPLETED"
      ? [told("created", { ...object, status: "APPROVED" }), told("updated", object)]
      : [told("created", object)];
  },
  secretOf: (letters) => letters(22),
  write: ({ event, endpoint }) => {
    const text = JSON.stringify(event.body);
    const signed = endpoint.url + text;
    const signature = createHmac("sha256", endpoint.secret).update(signed).digest("base64");
    return { headers: { ...JSON_TYPE, "x-square-hmacsha256-signature": signature }, text };
  },
  receipt: anySuccess,
};

function uuidOf(identify: (prefix: string, length: number) => string): string {
  const part = (length: number): string => identify("", length).toLowerCase();
  return [part(8), part(4), part(4), part(4), part(12)].join("-");
}

interface SearchBody {
  readonly cursor?: string;
  readonly limit?: number;
  readonly query?: {
    readonly filter?: {
      readonly event_types?: readonly string[];
      readonly created_at?: { readonly start_at?: string; readonly end_at?: string };
    };
    readonly sort?: { readonly order?: string };
  };
}

const LIMIT_MAX = 100;

/** The list of events. @see https://developer.squareup.com/reference/square/events-api */
export const squareEventRoutes: readonly Route[] = [
  { method: "POST", path: "/v2/events", keyed: false, run: searchEvents },
];

/** Newest first unless told; a page at a time. */
function searchEvents(call: Call, books: Books): Answer {
  const { cursor, limit = LIMIT_MAX, query = {} } = call.body as SearchBody;
  const { event_types: types, created_at: { start_at = "", end_at = "" } = {} } =
    query.filter ?? {};
  const start = Date.parse(start_at) || 0;
  const end = Date.parse(end_at) || Number.POSITIVE_INFINITY;
  const found = Array.from(books.events()).filter(
    ({ type, createdAt }) =>
      createdAt >= start && createdAt <= end && (types === undefined || types.includes(type)),
  );
  if (query.sort?.order === "ASC") found.reverse();
  // The page begins after an event, so that newer ones do not move it.
  const from = cursor === undefined ? 0 : found.findIndex(({ id }) => id === cursor) + 1;
  const page = found.slice(from, from + Math.min(limit, LIMIT_MAX));
  const last = page.at(-1);
  const more = last !== undefined && from + page.length < found.length;
  const body = {
    events: page.map((event) => event.body),
    metadata: page.map(({ id }) => ({ event_id: id, api_version: "2026-01-22" })),
    ...(more ? { cursor: last.id } : {}),
  };
  return { status: 200, body };
}
