import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gocardlessWebhook } from "../../src/webhooks/gocardless.ts";
import { testProperty } from "../property.ts";
import { eventsOf, isTaken, refusedWith } from "./bench.ts";
import { bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const HEADER = "webhook-signature";
const provider = gocardlessWebhook({ secret: "first-secret-1234" });
const EVENT = {
  id: "EV1",
  created_at: "2026-09-21T14:13:20.000Z",
  resource_type: "payments",
  action: "confirmed",
  links: { payment: "PM1" },
};
const batch = (...events: object[]) => JSON.stringify({ events, meta: { webhook_id: "WB1" } });
const parts = (body: string) => ({ headers: { [HEADER]: hexOf(body, "first-secret-1234") }, body });
const read = async (body: string) => (await eventsOf(provider, parts(body), NOW)).events;

testTraps("gocardless", {
  provider: (secret) => gocardlessWebhook({ secret }),
  sign: (body, secret) => ({ [HEADER]: hexOf(body, secret) }),
  header: HEADER,
  body: batch(EVENT),
});

testProperty(
  "exactly the body's digest under the endpoint's secret is taken",
  fc.asyncProperty(bodies({ events: [] }), secrets, damage, async (body, secret, damaged) => {
    const signature = damaged(hexOf(body, secret));
    const sent = { headers: { [HEADER]: signature }, body };
    assert.equal(
      await isTaken(provider, sent, NOW),
      signature === hexOf(body, "first-secret-1234"),
    );
  }),
);

test("a digest that was made elsewhere is taken", async () => {
  // echo -n '{"events":[]}' | openssl dgst -sha256 -hmac first-secret-1234
  const body = '{"events":[]}';
  const headers = {
    [HEADER]: "40e35796af8fbdf5a591a68519685a93f093732856f2469a6fcbae4b61cfc0ff",
  };
  assert.deepEqual((await eventsOf(provider, { headers, body }, NOW)).events, []);
});

test("a batch of 250 events comes apart into events with their own keys", async () => {
  const ids = Array.from({ length: 250 }, (_, index) => `EV${index}`);
  const events = await read(batch(...ids.map((id) => ({ ...EVENT, id }))));
  assert.deepEqual(
    events.map(({ key }) => key),
    ids.map((id) => `id:${id}`),
  );
});

test("an event is the same in another batch, and told apart when it was changed", async () => {
  const [one] = await read(batch(EVENT));
  const [, again] = await read(batch({ ...EVENT, id: "EV0" }, EVENT));
  const [changed] = await read(batch({ ...EVENT, action: "failed" }));
  assert.deepEqual(again, one);
  assert.equal(one?.type, "payments.confirmed");
  assert.deepEqual(one?.object, { kind: "payment", id: "PM1" });
  assert.deepEqual(one?.payload, EVENT);
  assert.equal(one?.evidence, undefined);
  assert.equal(changed?.key, one?.key);
  assert.notDeepEqual(changed?.fingerprint, one?.fingerprint);
});

test("what is signed and no batch is malformed", async () => {
  for (const body of ["", "no", "[]", "null", "{}", '{"events":{}}', '{"events":[{}]}'])
    await refusedWith("webhook-malformed", () => read(body));
});
