import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SignatureValidator } from "mollie-api-typescript";
import { mollieWebhook } from "../../src/webhooks/mollie.ts";
import { testProperty } from "../property.ts";
import { altered, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, hexOf, NOW, secret as secrets } from "./traps.ts";

const HEADER = "x-mollie-signature";
const EVENT = { resource: "event", id: "event_1", type: "payment-link.paid", entityId: "pl_1" };
const BODY = JSON.stringify(EVENT);
const sdk = SignatureValidator;
const sign = (body: Body, secret = "first-secret-1234") => ({
  [HEADER]: `sha256=${hexOf(body, secret)}`,
});
const alone = mollieWebhook({ secret: "first-secret-1234" });
const both = mollieWebhook({ secret: "first-secret-1234", sdk });

test("any altered byte is refused, and bytes that only a lenient decoder would take", async () => {
  for (let index = 0; index < BODY.length; index += 1) {
    const parts = { headers: sign(BODY), body: altered(BODY, index) };
    await refusedWith("signature-wrong", () => eventOf(both, parts, NOW));
  }
  const marked = { headers: sign(BODY), body: `\ufeff${BODY}` };
  await refusedWith("signature-wrong", () => eventOf(both, marked, NOW));
  const odd = Buffer.concat([Buffer.from(BODY), Buffer.from([0xff])]);
  const parts = { headers: sign(`${BODY}\ufffd`), body: odd };
  await refusedWith("webhook-malformed", () => eventOf(both, parts, NOW));
});

test("each secret of a rotation counts in its time, and its name is told", async () => {
  const rotated = mollieWebhook({
    secret: [
      { name: "old", secret: "first-secret-1234", notAfter: NOW },
      { name: "new", secret: "second-secret-1234" },
    ],
    sdk,
  });
  const parts = (secret: string) => ({ headers: sign(BODY, secret), body: BODY });
  assert.equal((await eventsOf(rotated, parts("first-secret-1234"), NOW)).secret, "old");
  assert.equal((await eventsOf(rotated, parts("second-secret-1234"), NOW)).secret, "new");
  await refusedWith("signature-wrong", () => eventOf(rotated, parts("first-secret-1234"), NOW + 1));
});

testProperty(
  "Mollie's package takes what is taken here, and nothing else",
  fc.asyncProperty(
    bodies({ id: "event_1", type: "a.b" }),
    secrets,
    damage,
    async (body, secret, damaged) => {
      const header = `sha256=${damaged(hexOf(body, secret))}`;
      // A space behind a header's value is none of the value, as HTTP has it.
      fc.pre(!header.endsWith(" "));
      const official = await SignatureValidator.validate(body, "first-secret-1234", header).catch(
        () => false,
      );
      const sent = { headers: { [HEADER]: header }, body };
      assert.equal(await isTaken(alone, sent, NOW), official);
      assert.equal(await isTaken(both, sent, NOW), official);
    },
  ),
);

test("after a rotation there are two signatures, in two headers or joined", async () => {
  const right = `sha256=${hexOf(BODY, "first-secret-1234")}`;
  const wrong = `sha256=${hexOf(BODY, "second-secret-1234")}`;
  const values = [`${wrong}, ${right}`, `${right},${wrong}`, [wrong, right], [right, wrong]];
  for (const value of values)
    assert.equal(
      (await eventOf(both, { headers: { [HEADER]: value }, body: BODY }, NOW)).hint,
      undefined,
    );
  const none = { headers: { [HEADER]: `${wrong}, ${wrong}` }, body: BODY };
  await refusedWith("signature-wrong", () => eventOf(both, none, NOW));
  const bare = { headers: { [HEADER]: hexOf(BODY, "first-secret-1234") }, body: BODY };
  await refusedWith("signature-missing", () => eventOf(both, bare, NOW));
});

test("the key is the event's id; a payment in it is evidence of the step that made it", async () => {
  const told = (entity: object) => {
    const body = JSON.stringify({
      ...EVENT,
      createdAt: "2026-09-21T14:13:20+00:00",
      _embedded: { entity },
    });
    return eventOf(both, { headers: sign(body), body }, NOW);
  };
  const link = await told({ resource: "payment-link", id: "pl_1" });
  assert.equal(link.key, "id:event_1");
  assert.equal(link.occurredAt, NOW);
  assert.deepEqual(link.object, { kind: "payment-link", id: "pl_1" });
  assert.equal(link.evidence, undefined);
  const payment = { resource: "payment", id: "tr_1", metadata: { nevertwice_key: "key-1" } };
  const made = { provider: "mollie", kind: "payment", providerKey: "key-1", reference: "tr_1" };
  assert.deepEqual((await told({ ...payment, status: "paid" })).evidence, {
    ...made,
    finding: "executed",
    stands: true,
  });
  assert.deepEqual((await told({ ...payment, status: "open" })).evidence, {
    ...made,
    finding: "executed",
  });
});

test("a classic call is a hint with a key of its own, for the object that it names", async () => {
  const classic = mollieWebhook({ classic: true });
  const parts = (body: string) => ({ headers: {}, body });
  const one = await eventOf(classic, parts("id=tr_d0b0E3EA3v"), NOW);
  const later = await eventOf(classic, parts("id=tr_d0b0E3EA3v"), NOW + 1);
  assert.equal(one.hint, true);
  assert.deepEqual(one.object, { kind: "payment", id: "tr_d0b0E3EA3v" });
  assert.equal(one.type, "payment.changed");
  assert.match(one.key, /^call:[0-9a-f]{64}$/);
  assert.notEqual(later.key, one.key);
  assert.equal((await eventsOf(classic, parts("id=ord_1"), NOW)).secret, "none");
  for (const body of ["", "id=", "id=tr_1&id=tr_2", "id=tr_%00", "id=../x", BODY])
    await refusedWith("webhook-malformed", () => eventOf(classic, parts(body), NOW));
});

test("nothing is unsigned unless that is asked for", async () => {
  await refusedWith("option-invalid", () => mollieWebhook({ secret: undefined as never }));
  const odd = { classic: true, secret: "first-secret-1234" } as const;
  await refusedWith("option-invalid", () => mollieWebhook(odd));
  const form = { headers: {}, body: "id=tr_1" };
  await refusedWith("signature-missing", () => eventOf(both, form, NOW));
});
