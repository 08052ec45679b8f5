import assert from "node:assert/strict";
import { test } from "node:test";
import { Paddle } from "@paddle/paddle-node-sdk";
import fc from "fast-check";
import { type PaddleWebhookOptions, paddleWebhook } from "../../src/webhooks/paddle.ts";
import { testProperty } from "../property.ts";
import { delivery, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const sdk = new Paddle("no-key");
const HEADER = "paddle-signature";
const EVENT = {
  event_id: "evt_1",
  notification_id: "ntf_1",
  event_type: "transaction.completed",
  occurred_at: "2026-09-21T14:13:20.000Z",
  data: { id: "txn_1" },
};
const BODY = JSON.stringify(EVENT);
const at = (ms: number): number => Math.floor(ms / 1000);

function h1(body: Body, secret: string, seconds: number | string): string {
  return `h1=${hexOf(Buffer.concat([Buffer.from(`${seconds}:`), Buffer.from(body)]), secret)}`;
}

function parts(now: number, secret = "first-secret-1234", body: string = BODY) {
  return { headers: { [HEADER]: `ts=${at(now)};${h1(body, secret, at(now))}` }, body };
}

const paddle = (options: Partial<PaddleWebhookOptions> = {}) =>
  paddleWebhook({ secret: "first-secret-1234", ...options });

testTraps("paddle", {
  provider: (secret) => paddle({ secret }),
  sign: (body, secret) => ({ [HEADER]: `ts=${at(NOW)};${h1(body, secret, at(NOW))}` }),
  header: HEADER,
  body: BODY,
});

testProperty(
  "Paddle's package takes one of the signatures where they are taken here",
  fc.asyncProperty(
    bodies(EVENT),
    fc.array(fc.tuple(secrets, damage), { minLength: 1, maxLength: 4 }),
    async (body, signatures) => {
      const now = Date.now();
      const parts = signatures.map(([secret, damaged]) => damaged(h1(body, secret, at(now))));
      const answers = parts.map(async (part) => {
        // The package reads no further than to the second sign of equality.
        if (part.endsWith("=")) return false;
        try {
          return await sdk.webhooks.isSignatureValid(
            body,
            "first-secret-1234",
            `ts=${at(now)};${part}`,
          );
        } catch {
          return false;
        }
      });
      const official = (await Promise.all(answers)).includes(true);
      const sent = { headers: { [HEADER]: [`ts=${at(now)}`, ...parts].join(";") }, body };
      assert.equal(await isTaken(paddle(), sent, now), official);
      assert.equal(await isTaken(paddle({ sdk }), sent, now), official);
    },
  ),
);

test("a rotation's signatures count in any order, which they do not for the package", async () => {
  const now = Date.now();
  const [first, second] = [
    h1(BODY, "first-secret-1234", at(now)),
    h1(BODY, "second-secret-1234", at(now)),
  ];
  for (const [signatures, alone] of [
    [`${first};${second}`, false],
    [`${second};${first}`, true],
  ] as const) {
    const header = `ts=${at(now)};${signatures}`;
    assert.equal(await sdk.webhooks.isSignatureValid(BODY, "first-secret-1234", header), alone);
    assert.ok(await isTaken(paddle({ sdk }), { headers: { [HEADER]: header }, body: BODY }, now));
  }
});

test("a time too far in the past or in the future is refused", async () => {
  const signedAt = (ms: number) => () => paddle().read(delivery(parts(NOW + ms)), NOW);
  await signedAt(-300_000)();
  await signedAt(60_000)();
  await refusedWith("signature-late", signedAt(-301_000));
  await refusedWith("signature-late", signedAt(61_000));
  const ahead = Date.now() + 315_360_000_000;
  const { headers, body } = parts(ahead);
  assert.equal(
    await sdk.webhooks.isSignatureValid(body, "first-secret-1234", headers[HEADER] ?? ""),
    true,
  );
  await refusedWith("signature-late", () => eventsOf(paddle({ sdk }), parts(ahead), Date.now()));
  const brief = paddle({ toleranceMs: 1000 });
  await refusedWith("signature-late", () => eventsOf(brief, parts(NOW - 2000), NOW));
});

test("a tolerance that would switch the check off is refused", async () => {
  for (const toleranceMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 0.5])
    await refusedWith("option-invalid", () => paddle({ toleranceMs }));
});

test("a signed time that is missing, repeated or odd is refused", async () => {
  const seconds = at(NOW);
  for (const [time, signed] of [
    ["", seconds],
    ["ts=", ""],
    [`ts=${seconds};ts=${seconds}`, seconds],
    [`ts=0${seconds}`, `0${seconds}`],
    [`ts=${seconds}.5`, `${seconds}.5`],
    ["ts=now", "now"],
  ] as const) {
    const headers = { [HEADER]: `${time};${h1(BODY, "first-secret-1234", signed)}` };
    await refusedWith("signature-missing", () => eventsOf(paddle(), { headers, body: BODY }, NOW));
  }
  const headers = { [HEADER]: `ts=${seconds + 1};${h1(BODY, "first-secret-1234", seconds)}` };
  await refusedWith("signature-wrong", () => eventsOf(paddle(), { headers, body: BODY }, NOW));
});

test("the package is asked of young deliveries only, and then it must agree", async () => {
  let asked = 0;
  const stubborn = {
    webhooks: {
      isSignatureValid: async () => {
        asked += 1;
        return false;
      },
    },
  };
  const strict = paddle({ sdk: stubborn });
  await eventsOf(strict, parts(NOW - 4000), NOW);
  assert.equal(asked, 0);
  await refusedWith("signature-wrong", () => eventsOf(strict, parts(NOW), NOW));
  assert.equal(asked, 1);
});

test("the key is the event's id, also where another notification carries it", async () => {
  const one = await eventOf(paddle(), parts(NOW), NOW);
  assert.equal(one.key, "id:evt_1");
  assert.equal(one.type, "transaction.completed");
  assert.deepEqual(one.object, { kind: "transaction", id: "txn_1" });
  assert.equal(one.occurredAt, Date.UTC(2026, 8, 21, 14, 13, 20));
  assert.equal(one.evidence, undefined);
  const again = JSON.stringify({ ...EVENT, notification_id: "ntf_2" });
  const other = await eventOf(paddle(), parts(NOW, "first-secret-1234", again), NOW);
  assert.deepEqual([other.key, other.fingerprint], [one.key, one.fingerprint]);
  const changed = JSON.stringify({ ...EVENT, data: { id: "txn_2" } });
  const third = await eventOf(paddle(), parts(NOW, "first-secret-1234", changed), NOW);
  assert.equal(third.key, one.key);
  assert.notDeepEqual(third.fingerprint, one.fingerprint);
});

test("what is signed and no event is malformed", async () => {
  for (const body of ["", "no", "[]", "null", "{}", '{"event_id":1,"event_type":"a.b"}'])
    await refusedWith("webhook-malformed", () =>
      eventOf(paddle(), parts(NOW, "first-secret-1234", body), NOW),
    );
});
