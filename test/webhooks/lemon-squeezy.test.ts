import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { lemonSqueezyWebhook } from "../../src/webhooks/lemon-squeezy.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const HEADER = "x-signature";
const provider = lemonSqueezyWebhook({ secret: "first-secret-1234" });
const BODY = JSON.stringify({
  meta: { event_name: "order_created", custom_data: { cart: "7" } },
  data: { type: "orders", id: "1", attributes: { updated_at: "2026-09-21T14:13:20.000000Z" } },
});
const parts = (body: string, headers = {}) => ({
  headers: { [HEADER]: hexOf(body, "first-secret-1234"), ...headers },
  body,
});

testTraps("lemon-squeezy", {
  provider: (secret) => lemonSqueezyWebhook({ secret }),
  sign: (body, secret) => ({ [HEADER]: hexOf(body, secret) }),
  header: HEADER,
  body: BODY,
});

testProperty(
  "exactly the body's digest under the endpoint's secret is taken",
  fc.asyncProperty(
    bodies({ meta: { event_name: "a" } }),
    secrets,
    damage,
    async (body, secret, damaged) => {
      const signature = damaged(hexOf(body, secret));
      const sent = { headers: { [HEADER]: signature }, body };
      assert.equal(
        await isTaken(provider, sent, NOW),
        signature === hexOf(body, "first-secret-1234"),
      );
    },
  ),
);

test("a digest that was made elsewhere is taken", async () => {
  // echo -n '{"meta":{"event_name":"a"}}' | openssl dgst -sha256 -hmac first-secret-1234
  const body = '{"meta":{"event_name":"a"}}';
  const headers = {
    [HEADER]: "01e7cf10d7f51a1f2f863f58fe32426f7daa9776f557744cb7e5f03f886b4823",
  };
  assert.equal((await eventOf(provider, { headers, body }, NOW)).type, "a");
});

test("key and type are those of the body, whatever the headers say", async () => {
  const one = await eventOf(provider, parts(BODY, { "x-event-name": "order_refunded" }), NOW);
  assert.equal(one.key, `body:${createHash("sha256").update(BODY).digest("hex")}`);
  assert.equal(one.type, "order_created");
  assert.deepEqual(one.object, { kind: "orders", id: "1" });
  assert.equal(one.occurredAt, Date.UTC(2026, 8, 21, 14, 13, 20));
  assert.equal(one.aliases, undefined);
  assert.equal(one.evidence, undefined);
});

test("the acknowledgement is exactly 200", () => {
  assert.deepEqual(provider.acknowledgement, { status: 200 });
});

test("what is signed and no event is malformed", async () => {
  for (const body of ["", "no", "[]", "null", "{}", '{"meta":{}}'])
    await refusedWith("webhook-malformed", () => eventOf(provider, parts(body), NOW));
});
