import { createSign } from "node:crypto";
import { crc32 } from "node:zlib";
import { isoTime } from "../../model/clock.ts";
import type { Books } from "../books.ts";
import type { Answer, Call, Route } from "../provider.ts";
import {
  anySuccess,
  type Change,
  JSON_TYPE,
  type KeptEvent,
  type Scene,
  type Webhooks,
} from "../webhook.ts";
import { SANDBOX_KEY } from "./paypal-certificate.ts";
import { missing, type Order, type Payment, showPayment } from "./paypal-orders.ts";

/** By the kind of an object and its status. */
const TYPES: Readonly<Record<string, readonly [type: string, resource: string]>> = {
  "order APPROVED": ["CHECKOUT.ORDER.APPROVED", "checkout-order"],
  "order COMPLETED": ["CHECKOUT.ORDER.COMPLETED", "checkout-order"],
  "authorization CREATED": ["PAYMENT.AUTHORIZATION.CREATED", "authorization"],
  "capture COMPLETED": ["PAYMENT.CAPTURE.COMPLETED", "capture"],
  "capture DECLINED": ["PAYMENT.CAPTURE.DECLINED", "capture"],
  "refund COMPLETED": ["PAYMENT.CAPTURE.REFUNDED", "refund"],
};

/** @see https://developer.paypal.com/api/rest/webhooks/ */
export const paypalWebhooks: Webhooks = {
  events: (change, scene) => {
    const { status, id } = change.after as { readonly status: string; readonly id: string };
    const known = TYPES[`${change.kind} ${status}`];
    const before = change.before as { readonly status: string } | undefined;
    if (known === undefined || before?.status === status) return [];
    const [type, resourceType] = known;
    const event = `WH-${scene.identify("", 17)}-${scene.identify("", 17)}`.toUpperCase();
    const body = {
      id: event,
      create_time: isoTime(scene.now),
      resource_type: resourceType,
      event_type: type,
      summary: `${resourceType} ${id} is ${status}.`,
      resource: resourceOf(change, scene),
      event_version: "1.0",
      resource_version: "2.0",
      links: [link(`${scene.base}${EVENTS}/${event}`, "self")],
    };
    return [{ id: event, type, object: id, body }];
  },
  // The receiver is given no secret, but the name of its endpoint, which is signed too.
  secretOf: (letters) => letters(17).toUpperCase(),
  write: ({ event, endpoint, now, base, letters }) => {
    const text = JSON.stringify(event.body);
    const id = `${letters(8)}-${letters(4)}-${letters(4)}-${letters(12)}`.toLowerCase();
    const time = isoTime(now).replace(/\.\d+Z$/, "Z");
    const signed = `${id}|${time}|${endpoint.secret}|${crc32(text)}`;
    const headers = {
      ...JSON_TYPE,
      "paypal-transmission-id": id,
      "paypal-transmission-time": time,
      "paypal-transmission-sig": createSign("sha256").update(signed).sign(SANDBOX_KEY, "base64"),
      "paypal-cert-url": `${base}/sandbox/certificates/paypal.pem`,
      "paypal-auth-algo": "SHA256withRSA",
    };
    return { headers, text };
  },
  receipt: anySuccess,
};

function link(href: string, rel: string): object {
  return { href, rel, method: "GET" };
}

function resourceOf({ kind, after }: Change, { base, now }: Scene): object {
  const time = { create_time: isoTime(now), update_time: isoTime(now) };
  if (kind === "order") {
    const { units, ...order } = after as Order;
    const links = [link(`${base}/v2/checkout/orders/${order.id}`, "self")];
    return { ...order, purchase_units: units, ...time, links };
  }
  const payment = after as Payment;
  const up =
    kind === "refund"
      ? `${base}/v2/payments/captures/${payment.source}`
      : `${base}/v2/checkout/orders/${payment.order}`;
  const links = [link(`${base}/v2/payments/${kind}s/${payment.id}`, "self"), link(up, "up")];
  return { ...showPayment(payment), ...time, links };
}

const EVENTS = "/v1/notifications/webhooks-events";
const PAGE_SIZE = 10;
const PAGE_SIZE_MAX = 300;

/** The list of events. @see https://developer.paypal.com/docs/api/webhooks/v1/ */
export const paypalEventRoutes: readonly Route[] = [
  { method: "GET", path: EVENTS, run: listEvents },
  {
    method: "GET",
    path: `${EVENTS}/:id`,
    run: (call, books) => {
      const event = Array.from(books.events()).find(({ id }) => id === call.parameters["id"]);
      return event === undefined ? missing() : { status: 200, body: event.body };
    },
  },
];

/** Newest first, by time, type and resource, with a link to the next page. */
function listEvents(call: Call, books: Books): Answer {
  const query = call.query as Readonly<Record<string, string | undefined>>;
  const start = Date.parse(query["start_time"] ?? "") || 0;
  const end = Date.parse(query["end_time"] ?? "") || Number.POSITIVE_INFINITY;
  const { event_type: type, transaction_id: object } = query;
  const isWanted = (event: KeptEvent): boolean =>
    event.createdAt >= start &&
    event.createdAt <= end &&
    (type === undefined || event.type === type) &&
    (object === undefined || event.object === object);
  const found = Array.from(books.events()).filter(isWanted);
  const size = Math.min(Number(query["page_size"] ?? PAGE_SIZE) || PAGE_SIZE, PAGE_SIZE_MAX);
  // The page begins after an event, so that newer ones do not move it.
  const after = query["next_page_token"];
  const from = after === undefined ? 0 : found.findIndex(({ id }) => id === after) + 1;
  const page = found.slice(from, from + size);
  const last = page.at(-1);
  const more = last !== undefined && from + size < found.length;
  const asked = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as [string, string]],
    ),
  );
  const self = link(`${call.base}${EVENTS}?${asked}`, "self");
  if (more) asked.set("next_page_token", last.id);
  const links = [self, ...(more ? [link(`${call.base}${EVENTS}?${asked}`, "next")] : [])];
  return { status: 200, body: { events: page.map(({ body }) => body), count: page.length, links } };
}
