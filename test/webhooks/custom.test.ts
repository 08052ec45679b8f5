import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type CustomWebhookOptions, customWebhook } from "../../src/webhooks/custom.ts";
import { memberOf, neededText } from "../../src/webhooks/read.ts";
import { testProperty } from "../property.ts";
import { delivery, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const HEADER = "acme-signature";
const BODY = JSON.stringify({ id: "e1", type: "paid", payment: "p1" });

const acme = (options: Partial<CustomWebhookOptions> = {}) =>
  customWebhook({
    source: "acme",
    secret: "first-secret-1234",
    signature: (delivery) => {
      const values = delivery.header(HEADER);
      return values.length === 1 ? values : undefined;
    },
    decode: "hex",
    event: (payload) => ({
      key: neededText(payload, "id"),
      type: neededText(payload, "type"),
      object: { kind: "payment", id: "p1" },
      aliases: ["a1"],
    }),
    ...options,
  });
const parts = (body: string) => ({ headers: { [HEADER]: hexOf(body, "first-secret-1234") }, body });

testTraps("custom", {
  provider: (secret) => acme({ secret }),
  sign: (body, secret) => ({ [HEADER]: hexOf(body, secret) }),
  header: HEADER,
  body: BODY,
});

testProperty(
  "exactly the digest under the endpoint's secret is taken, in both encodings and algorithms",
  fc.asyncProperty(
    bodies({ id: "e1", type: "a" }),
    secrets,
    damage,
    fc.constantFrom("hex" as const, "base64" as const),
    fc.constantFrom("sha256" as const, "sha1" as const),
    async (body, secret, damaged, decode, algorithm) => {
      const sign = (one: string) => createHmac(algorithm, one).update(body).digest(decode);
      const signature = damaged(sign(secret));
      const provider = acme({ decode, algorithm });
      const taken = await isTaken(provider, { headers: { [HEADER]: signature }, body }, NOW);
      assert.equal(taken, signature === sign("first-secret-1234"));
    },
  ),
);

test("an event has its id as key, and the body for its fingerprint", async () => {
  assert.deepEqual(await eventOf(acme(), parts(BODY), NOW), {
    key: "id:e1",
    aliases: ["alias:a1"],
    type: "paid",
    object: { kind: "payment", id: "p1" },
    fingerprint: createHash("sha256").update(BODY).digest(),
    payload: JSON.parse(BODY),
  });
  const { source, acknowledgement } = acme({ acknowledgement: { status: 202, body: "ok" } });
  assert.deepEqual([source, acknowledgement], ["acme", { status: 202, body: "ok" }]);
});

test("an event without an id is named by the digest of what it is", async () => {
  const whole = acme({ event: () => ({ type: "a" }) });
  const digest = (text: string) => `body:${createHash("sha256").update(text).digest("hex")}`;
  assert.equal((await eventOf(whole, parts(BODY), NOW)).key, digest(BODY));
  const list = acme({ event: () => [1, 2].map((payload) => ({ type: "a", payload })) });
  const { events } = await eventsOf(list, parts(BODY), NOW);
  assert.deepEqual(
    events.map(({ key, payload }) => [key, payload]),
    [
      [digest("1"), 1],
      [digest("2"), 2],
    ],
  );
});

test("a signed time counts in both directions, and is needed once it is declared", async () => {
  const timed = acme({
    content: (delivery, text) => `${delivery.header("acme-time")[0]}.${text}`,
    signedAt: (delivery) => {
      const [text] = delivery.header("acme-time");
      return text === undefined ? undefined : Number(text);
    },
    toleranceMs: 1000,
  });
  const at = (time: string | undefined) => () =>
    timed.read(
      delivery({
        headers: {
          [HEADER]: hexOf(`${time}.${BODY}`, "first-secret-1234"),
          ...(time !== undefined && { "acme-time": time }),
        },
        body: BODY,
      }),
      NOW,
    );
  await at(String(NOW - 1000))();
  await at(String(NOW + 60_000))();
  await refusedWith("signature-late", at(String(NOW - 1001)));
  await refusedWith("signature-late", at(String(NOW + 60_001)));
  await refusedWith("signature-missing", at(undefined));
  await refusedWith("signature-missing", at("soon"));
});

test("whatever the functions throw or leave out lets nobody in", async () => {
  const fail = (): never => {
    throw new TypeError("It is not there.");
  };
  const read = (options: Partial<CustomWebhookOptions>) => () =>
    eventsOf(acme(options), parts(BODY), NOW);
  for (const signature of [fail, () => undefined, () => "", () => [], () => ["", "?"]])
    await refusedWith("signature-missing", read({ signature }));
  await refusedWith("signature-missing", read({ signature: () => [null as unknown as string] }));
  await refusedWith("signature-missing", read({ content: fail }));
  await refusedWith("signature-missing", read({ signedAt: fail }));
  await refusedWith("signature-wrong", read({ content: () => "other" }));
  for (const event of [fail, () => undefined as never, () => ({}) as never, () => ({ type: "" })])
    await refusedWith("webhook-malformed", read({ event }));
  await refusedWith("webhook-malformed", read({ event: () => ({ key: "", type: "a" }) }));
  await refusedWith("webhook-malformed", read({ event: () => [{ type: "a" }, { type: "b" }] }));
  await refusedWith("webhook-malformed", read({ parse: fail }));
});

test("an event is read only once its signature is proved", async () => {
  let reads = 0;
  const counted = acme({
    event: () => {
      reads += 1;
      return { type: "a" };
    },
  });
  const forged = { headers: { [HEADER]: hexOf(BODY, "second-secret-1234") }, body: BODY };
  await refusedWith("signature-wrong", () => eventsOf(counted, forged, NOW));
  assert.equal(reads, 0);
  await eventsOf(counted, parts(BODY), NOW);
  assert.equal(reads, 1);
});

test("one of several signatures is enough", async () => {
  const several = acme({ signature: (delivery) => delivery.header(HEADER) });
  const headers = {
    [HEADER]: ["zz", hexOf(BODY, "second-secret-1234"), hexOf(BODY, "first-secret-1234")],
  };
  assert.ok(await isTaken(several, { headers, body: BODY }, NOW));
});

test("a body may be something else than JSON", async () => {
  const form = acme({
    parse: (text) => Object.fromEntries(new URLSearchParams(text)),
    event: (payload) => ({ type: String(memberOf(payload, "type")) }),
  });
  assert.equal((await eventOf(form, parts("type=paid"), NOW)).type, "paid");
});

test("options that would weaken the check are refused", async () => {
  for (const wrong of [{ decode: "utf8" }, { algorithm: "md5" }, { source: "" }, { bytesMax: 0 }])
    await refusedWith("option-invalid", () => acme(wrong as Partial<CustomWebhookOptions>));
});
