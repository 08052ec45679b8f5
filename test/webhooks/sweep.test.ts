import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { SquareClient } from "square";
import type { Sweep, SweepPage } from "../../src/core/inbox/sweep-list.ts";
import type { AuthenticEvent, Report } from "../../src/index.ts";
import { nevertwice } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { paypalSweep } from "../../src/webhooks/paypal-sweep.ts";
import { hmac } from "../../src/webhooks/signature.ts";
import { squareSweep } from "../../src/webhooks/square-sweep.ts";
import { stripeWebhook } from "../../src/webhooks/stripe.ts";
import { type StripeEventsSdk, stripeSweep } from "../../src/webhooks/stripe-sweep.ts";
import { PAYMENT, type StripeBench, stripeBench } from "../sandbox/stripe.ts";
import { delivery, refusedWith } from "./bench.ts";

const HOUR_MS = 3_600_000;
const SECRET = "whsec_of_the_endpoint";

async function pagesOf(
  sweep: Sweep,
  cursor: string | undefined,
  now = Date.now(),
): Promise<SweepPage[]> {
  const pages: SweepPage[] = [];
  const call = { signal: new AbortController().signal, now };
  for await (const page of sweep.pages(cursor, call)) pages.push(page);
  return pages;
}

function keysOf(pages: readonly SweepPage[]): string[] {
  return pages.flatMap(({ events }) => events.map(({ key }) => key));
}

async function customers(bench: StripeBench, count: number): Promise<void> {
  const stripe = bench.client();
  for (let made = 0; made < count; made += 20)
    await Promise.all(
      Array.from({ length: Math.min(20, count - made) }, () => stripe.customers.create({})),
    );
}

/** The event as the sandbox would send it to an endpoint. */
async function signed(bench: StripeBench, key: string): Promise<AuthenticEvent> {
  const event = await bench.client().events.retrieve(key.replace("id:", ""));
  const body = JSON.stringify({ ...event, pending_webhooks: 1 }, undefined, 2);
  const now = Date.now();
  const stamp = String(Math.floor(now / 1_000));
  const made = Buffer.from(hmac("sha256", SECRET, `${stamp}.${body}`)).toString("hex");
  const headers = { "stripe-signature": `t=${stamp},v1=${made}` };
  const reading = await stripeWebhook({ secret: SECRET }).read(delivery({ headers, body }), now);
  assert.ok(reading.kind === "events" && reading.events[0]);
  return reading.events[0];
}

test("what the list tells is what the webhook says, but for its fingerprint", async (t) => {
  const bench = await stripeBench(t);
  await bench.client().paymentIntents.create({ ...PAYMENT, metadata: { nevertwice_key: "k" } });
  const events = (await pagesOf(stripeSweep(bench.client()), undefined)).flatMap(
    (page) => page.events,
  );
  assert.ok(events.some(({ evidence }) => evidence?.providerKey === "k"));
  for (const { fingerprint, payload, ...event } of events) {
    const { fingerprint: digest, payload: whole, ...other } = await signed(bench, event.key);
    assert.deepEqual(event, other);
    assert.deepEqual({ ...(whole as object), pending_webhooks: 0 }, payload);
    assert.equal(fingerprint.length, 1);
    assert.equal(digest.length, 32);
  }
});

test("the inbox finds what no webhook brought, raises no alarm, and goes on from there", async (t) => {
  const bench = await stripeBench(t);
  await customers(bench, 230);
  const store = memoryStore();
  const reports: Report[] = [];
  const once = nevertwice({ store, namespace: "test", onEvent: (report) => reports.push(report) });
  const cursor = async (): Promise<string | undefined> => {
    const answer = await store.inbox.cursor("stripe");
    return answer.kind === "ok" ? answer.value : undefined;
  };
  let calls = 0;
  const stripe = bench.client();
  const sdk: StripeEventsSdk = {
    events: {
      list(params, options) {
        calls += 1;
        if (calls === 26) throw new Error("The network is down.");
        return stripe.events.list(params, options);
      },
    },
  };
  const provider = stripeWebhook({ secret: SECRET });
  const inbox = once.inbox(provider, {}, { sweep: stripeSweep(sdk) });
  const newest = await stripe.events.list({ limit: 1 });
  const known = await signed(bench, `id:${newest.data[0]?.id}`);
  await inbox.accept([known]);
  // After one look at the whole, 23 empty slices and a page of the last one.
  await assert.rejects(inbox.sweepOnce(), /network is down/);
  assert.equal(await cursor(), undefined);
  const partial = await store.inbox.list({ limit: 1_000 });
  assert.equal(partial.kind === "ok" && partial.value.length, 100, "a page was taken all the same");
  assert.deepEqual(await inbox.sweepOnce(), { listed: 230, found: 130 });
  const covered = await cursor();
  assert.equal(Number(covered), (newest.data[0]?.created ?? 0) * 1_000);
  await inbox.accept([known]);
  const forged = { ...known, fingerprint: new Uint8Array(32) };
  assert.equal(reports.filter(({ type }) => type === "event.conflict").length, 0);
  await inbox.accept([forged]);
  assert.equal(reports.filter(({ type }) => type === "event.conflict").length, 1);
  await customers(bench, 1);
  const { found } = await inbox.sweepOnce();
  assert.equal(found, 1);
});

test("an event in the second of the cursor is listed again, without any overlap too", async (t) => {
  const bench = await stripeBench(t);
  await customers(bench, 2);
  const sweep = stripeSweep(bench.client(), { overlapMs: 0 });
  const first = await pagesOf(sweep, undefined);
  const cursor = first.at(-1)?.cursor;
  assert.ok(cursor !== undefined);
  const again = await pagesOf(sweep, cursor);
  const newest = first
    .flatMap((page) => page.events)
    .filter((event) => event.occurredAt === +cursor);
  assert.ok(newest.length > 0);
  for (const { key } of newest) assert.ok(keysOf(again).includes(key));
  assert.equal(again.at(-1)?.cursor, cursor);
});

test("a long list goes by slices, the oldest first, and each one proves its own", async (t) => {
  const bench = await stripeBench(t);
  const stripe = bench.client();
  await customers(bench, 105);
  await bench.advance(24 * HOUR_MS);
  await stripe.charges.create({ amount: 1, currency: "eur", source: "tok_visa" });
  await bench.advance(24 * HOUR_MS);
  await customers(bench, 3);
  const now = Date.now() + 48 * HOUR_MS;
  const pages = await pagesOf(stripeSweep(stripe), undefined, now);
  const all = await stripe.events.list({ limit: 100 }).autoPagingToArray({ limit: 1_000 });
  assert.deepEqual(new Set(keysOf(pages)), new Set(all.map(({ id }) => `id:${id}`)));
  const cursors = pages.map(({ cursor }) => cursor).filter((cursor) => cursor !== undefined);
  const steps = [...new Set(cursors)].map(Number);
  assert.deepEqual(steps, steps.toSorted());
  assert.equal(steps.length, 3);
  assert.equal(pages.find((page) => page.events.length === 100)?.cursor, undefined);
  // What was covered is left alone, but for the overlap.
  const rest = await pagesOf(stripeSweep(stripe), String(steps[0]), now);
  assert.equal(
    new Set(keysOf(rest)).size,
    all.length,
    "within the hour before the first step is all",
  );
  const later = await pagesOf(stripeSweep(stripe), String(steps[1]), now);
  assert.equal(new Set(keysOf(later)).size, all.length - 105);
  const short = await pagesOf(stripeSweep(stripe, { sinceMs: HOUR_MS }), undefined, now);
  assert.equal(keysOf(short).length, 3);
  const typed = stripeSweep(stripe, { types: ["charge.succeeded"] });
  assert.equal(keysOf(await pagesOf(typed, undefined, now)).length, 1);
  await refusedWith("option-invalid", () => stripeSweep(stripe, { types: [] }));
  await refusedWith("option-invalid", () => stripeSweep(stripe, { overlapMs: -1 }));
});

async function listServer(
  context: TestContext,
  answer: (request: IncomingMessage, body: string) => unknown,
): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer(request, body)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("PayPal's list is read page by page, and the links lead nowhere else", async (t) => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  const event = (id: string, hour: string): object => ({
    ...{ id, event_type: "PAYMENT.CAPTURE.COMPLETED", resource_type: "capture" },
    ...{ create_time: `2026-03-01T${hour}:00:00.000Z`, resource: { id: "C1", custom_id: "k" } },
  });
  const events = [event("WH-3", "11"), event("WH-2", "10"), event("WH-1", "09")];
  let elsewhere = "/v1/notifications/webhooks-events";
  const url = await listServer(t, ({ url: asked = "" }) => {
    const { searchParams: query } = new URL(asked, "http://x");
    const within = events.filter((one) => {
      const at = Date.parse((one as { create_time: string }).create_time);
      return (
        at >= Date.parse(query.get("start_time") ?? "") &&
        at <= Date.parse(query.get("end_time") ?? "")
      );
    });
    const start = Number(query.get("start") ?? 0);
    query.set("start", String(start + 1));
    const href = `https://api-m.paypal.com${elsewhere}?${query}`;
    return {
      events: within.slice(start, start + 1),
      links: [
        { rel: "self", href: "x" },
        ...(start < within.length ? [{ rel: "next", href }] : []),
      ],
    };
  });
  const sweep = paypalSweep(async (path, { signal }) =>
    (await fetch(url + path, { signal })).json(),
  );
  const pages = await pagesOf(sweep, undefined, now);
  assert.deepEqual(new Set(keysOf(pages)), new Set(["id:WH-1", "id:WH-2", "id:WH-3"]));
  assert.equal(pages.at(-1)?.cursor, String(Date.parse("2026-03-01T11:00:00Z")));
  const [one] = pages.flatMap((page) => page.events);
  assert.equal(one?.hint, undefined);
  assert.deepEqual(one?.object, { kind: "capture", id: "C1" });
  assert.equal(one?.evidence?.providerKey, "k");
  elsewhere = "/v1/oauth2/token";
  await assert.rejects(pagesOf(sweep, undefined, now), /another path/);
});

test("Square's search is written as its webhooks are, in UTC", async (t) => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  const payment = { id: "P1", status: "COMPLETED", reference_id: "k", amount: 12 };
  const events = ["2026-03-01T11:00:00.454726", "2026-03-01T10:00:00Z"].map(
    (created_at, index) => ({
      ...{ event_id: `e${index}`, type: "payment.updated", merchant_id: "M", created_at },
      data: { type: "payment", id: "P1", object: { payment } },
    }),
  );
  const queries: { query: { filter: { created_at: object } }; cursor?: string }[] = [];
  const url = await listServer(t, (_, body) => {
    const asked = JSON.parse(body);
    queries.push(asked);
    const start = Number(asked.cursor ?? 0);
    return { events: events.slice(start, start + 1), ...(start === 0 ? { cursor: "1" } : {}) };
  });
  const client = new SquareClient({ token: "EAAA_shop", baseUrl: url });
  const pages = await pagesOf(squareSweep(client, { sinceMs: HOUR_MS / 2 }), undefined, now);
  assert.deepEqual(new Set(keysOf(pages)), new Set(["id:e0", "id:e1"]));
  assert.equal(pages.at(-1)?.cursor, String(Date.parse("2026-03-01T11:00:00.454Z")));
  assert.deepEqual(queries[0]?.query.filter.created_at, {
    ...{ start_at: "2026-03-01T11:29:59.000Z", end_at: "2026-03-01T13:00:01.000Z" },
  });
  const found = pages.flatMap((page) => page.events).find(({ key }) => key === "id:e1");
  assert.deepEqual(found?.payload, JSON.parse(JSON.stringify(events[1])));
  assert.equal(found?.evidence?.providerKey, "k");
  assert.deepEqual(found?.object, { kind: "payment", id: "P1" });
});
