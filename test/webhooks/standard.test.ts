import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign as signWith } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { type StandardWebhookOptions, standardWebhook } from "../../src/webhooks/standard.ts";
import { svixWebhook } from "../../src/webhooks/svix.ts";
import { testProperty } from "../property.ts";
import { altered, delivery, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, NOW } from "./traps.ts";

const FIRST = `whsec_${Buffer.from("first secret of 24 bytes").toString("base64")}`;
const SECOND = `whsec_${Buffer.from("other secret of 24 bytes").toString("base64")}`;
const SECONDS = NOW / 1000;
const BODY = JSON.stringify({ type: "invoice.paid", timestamp: "2026-09-21T14:13:19Z", data: {} });

interface Signing {
  readonly secret?: string;
  readonly id?: string;
  readonly stamp?: number | string;
  readonly prefix?: string;
}

function v1(body: Body, { secret = FIRST, id = "msg_1", stamp = SECONDS }: Signing = {}): string {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const mac = createHmac("sha256", key).update(`${id}.${stamp}.`).update(body);
  return `v1,${mac.digest("base64")}`;
}

function headersOf(signature: string, { id = "msg_1", stamp = SECONDS, prefix }: Signing = {}) {
  const name = prefix ?? "webhook";
  return {
    [`${name}-id`]: id,
    [`${name}-timestamp`]: String(stamp),
    [`${name}-signature`]: signature,
  };
}

const sign = (body: Body, how: Signing = {}) => headersOf(v1(body, how), how);
const webhook = (options: Partial<StandardWebhookOptions> = {}) =>
  standardWebhook({ secret: FIRST, ...options });
const plain = webhook();
const read = (headers: Record<string, string | string[]>, body: Body = BODY) =>
  plain.read(delivery({ headers, body }), NOW);

testProperty(
  "the package takes what is taken here, and nothing else",
  fc.asyncProperty(
    bodies({ type: "a.b" }),
    fc.constantFrom(FIRST, FIRST, SECOND),
    damage,
    // The package reads the system's clock.
    fc.integer({ min: -280, max: 50 }),
    async (body, secret, damaged, offset) => {
      const now = Date.now();
      const stamp = new Date(now + offset * 1000);
      const signature = damaged(new Webhook(secret).sign("msg_1", stamp, body));
      const headers = headersOf(signature, { stamp: Math.floor(stamp.getTime() / 1000) });
      fc.pre(
        !/[ =]$/.test(signature) ||
          signature === v1(body, { secret, stamp: headers["webhook-timestamp"] ?? "" }),
      );
      const official = (): boolean => {
        try {
          new Webhook(FIRST).verify(body, headers);
          return true;
        } catch {
          return false;
        }
      };
      // Base64 without its padding has the same bytes.
      fc.pre(
        official() ||
          !v1(body, { stamp: headers["webhook-timestamp"] ?? "" }).startsWith(signature),
      );
      assert.equal(await isTaken(plain, { headers, body }, now), official());
      assert.equal(await isTaken(webhook({ sdk: Webhook }), { headers, body }, now), official());
    },
  ),
);

test("a header that is missing, empty or repeated is refused", async () => {
  for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"]) {
    const { [name]: value = "", ...others } = sign(BODY);
    await refusedWith("signature-missing", () => read(others));
    await refusedWith("signature-missing", () => read({ ...others, [name]: "" }));
    await refusedWith("signature-missing", () => read({ ...others, [name]: [value, value] }));
  }
});

test("any altered byte is refused, of the body, the id or the time", async () => {
  for (let index = 0; index < BODY.length; index += 1)
    await refusedWith("signature-wrong", () => read(sign(BODY), altered(BODY, index)));
  const headers = sign(BODY);
  await refusedWith("signature-wrong", () => read({ ...headers, "webhook-id": "msg_2" }));
  const later = { ...headers, "webhook-timestamp": String(SECONDS + 1) };
  await refusedWith("signature-wrong", () => read(later));
});

test("bytes that a lenient decoder would take for the same text are refused", async () => {
  await refusedWith("signature-wrong", () => read(sign(BODY), `\ufeff${BODY}`));
  const body = '{"type":"\ufffd"}';
  const odd = Buffer.from(
    Buffer.from(body).toString("latin1").replace("\u00ef\u00bf\u00bd", "\u00ff"),
    "latin1",
  );
  assert.equal(new TextDecoder().decode(odd), body);
  await refusedWith("webhook-malformed", () => read(sign(body), odd));
  await refusedWith("webhook-malformed", () => read(sign(odd), odd));
});

test("the signed time counts in both directions, and in one spelling", async () => {
  const at = (stamp: number | string) => () => read(sign(BODY, { stamp }));
  await at(SECONDS - 300)();
  await at(SECONDS + 60)();
  await refusedWith("signature-late", at(SECONDS - 301));
  await refusedWith("signature-late", at(SECONDS + 61));
  for (const stamp of [`0${SECONDS}`, `${SECONDS}x`, `+${SECONDS}`, "NaN", "-1"])
    await refusedWith("signature-missing", at(stamp));
});

test("one of several signatures by one of several secrets is enough", async () => {
  const rotated = webhook({ secret: [{ name: "old", secret: FIRST, notAfter: NOW }, SECOND] });
  const both = `${v1(BODY, { secret: SECOND })} ${v1(BODY)} v9,AAAA`;
  const parts = (signature: string) => ({ headers: headersOf(signature), body: BODY });
  assert.equal((await eventsOf(rotated, parts(both), NOW)).secret, "old");
  assert.equal((await eventsOf(rotated, parts(both), NOW + 1)).secret, "2");
  await refusedWith("signature-wrong", () => eventsOf(rotated, parts(v1(BODY)), NOW + 1));
  await refusedWith("signature-missing", () => read(headersOf("v9,AAAA")));
  await refusedWith("signature-missing", () => read(headersOf(v1(BODY).replace(",", ",,"))));
});

test("a public key checks v1a, and neither version stands in for the other", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  const secret = `whpk_${Buffer.from(x, "base64url").toString("base64")}`;
  const bytes = signWith(null, Buffer.from(`msg_1.${SECONDS}.${BODY}`), privateKey);
  const v1a = `v1a,${bytes.toString("base64")}`;
  const keyed = webhook({ secret: [{ name: "public", secret }], sdk: Webhook });
  const parts = (signature: string, body: Body = BODY) => ({ headers: headersOf(signature), body });
  assert.equal((await eventsOf(keyed, parts(v1a), NOW)).secret, "public");
  assert.equal((await eventsOf(keyed, parts(`${v1(BODY)} ${v1a}`), NOW)).secret, "public");
  await refusedWith("signature-wrong", () => eventsOf(keyed, parts(v1(BODY)), NOW));
  await refusedWith("signature-wrong", () => eventsOf(keyed, parts(`v1,${v1a.slice(4)}`), NOW));
  await refusedWith("signature-wrong", () => eventsOf(plain, parts(v1a), NOW));
  for (const index of [0, 20, BODY.length - 1])
    await refusedWith("signature-wrong", () =>
      eventsOf(keyed, parts(v1a, altered(BODY, index)), NOW),
    );
  // Whoever knows the public key must not be able to sign with it as a shared secret.
  const key = Buffer.from(x, "base64url");
  const forged = createHmac("sha256", key).update(`msg_1.${SECONDS}.${BODY}`).digest("base64");
  await refusedWith("signature-wrong", () => eventsOf(keyed, parts(`v1,${forged}`), NOW));
  const mixed = webhook({ secret: [FIRST, secret] });
  assert.equal((await eventsOf(mixed, parts(v1a), NOW)).secret, "2");
});

test("Svix names its headers otherwise", async () => {
  const svix = svixWebhook({ secret: FIRST });
  const headers = sign(BODY, { prefix: "svix" });
  assert.equal(svix.source, "svix");
  assert.equal((await eventOf(svix, { headers, body: BODY }, NOW)).key, "id:msg_1");
  await refusedWith("signature-missing", () => eventOf(plain, { headers, body: BODY }, NOW));
  const others = { headers: sign(BODY), body: BODY };
  await refusedWith("signature-missing", () => eventOf(svix, others, NOW));
});

test("the key is the message's id; another attempt has the same fingerprint", async () => {
  const told = (how: Signing, options: Partial<StandardWebhookOptions> = {}) =>
    eventOf(webhook(options), { headers: sign(BODY, how), body: BODY }, NOW);
  const one = await told({});
  const again = await told({ stamp: SECONDS - 5 });
  assert.equal(one.key, "id:msg_1");
  assert.equal(one.type, "invoice.paid");
  assert.equal(one.occurredAt, NOW - 1000);
  assert.deepEqual(again.fingerprint, one.fingerprint);
  assert.notDeepEqual((await told({ id: "msg_2" })).fingerprint, one.fingerprint);
  assert.match((await told({ id: "m".repeat(300) })).key, /^id-sha256:[0-9a-f]{64}$/);
  const object = { kind: "invoice", id: "in_1" };
  const named = await told({}, { objectOf: () => object, typeOf: () => "paid" });
  assert.deepEqual([named.object, named.type], [object, "paid"]);
});

test("a part of the signed text cannot move from the id or the time into the body", async () => {
  const body = `${SECONDS}.5`;
  await refusedWith("webhook-malformed", () => read(sign(body), body));
});

test("a secret that is none is refused before anything is received", async () => {
  const secrets = ["", "whsec_", "whsec_?", "whpk_AAAA", [], undefined as never, [FIRST, ""]];
  for (const secret of secrets) await refusedWith("option-invalid", () => webhook({ secret }));
  const short = `whsec_${Buffer.alloc(23, 1).toString("base64")}`;
  await refusedWith("option-invalid", () => webhook({ secret: short }));
  webhook({ secret: `whsec_${Buffer.alloc(24, 1).toString("base64")}` });
  await refusedWith("option-invalid", () => webhook({ toleranceMs: 0 }));
  await refusedWith("option-invalid", () => webhook({ headers: "other" as never }));
});

test("the package's refusal is a refusal, whatever is seen here", async () => {
  class Refusing {
    verify(): never {
      throw new Error("No.");
    }
  }
  const parts = { headers: sign(BODY), body: BODY };
  await refusedWith("signature-wrong", () => eventOf(webhook({ sdk: Refusing }), parts, NOW));
});
