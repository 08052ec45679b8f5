import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { inDoubt, isNotExecuted } from "../../src/core/judgement.ts";
import { judgeStripe } from "../../src/providers/stripe-judge.ts";
import { testProperty } from "../property.ts";
import { callWith, KEY } from "./attempt.ts";
import { CARD, type Scripted, scriptedApi, verdict } from "./stripe-scene.ts";

const REPLAYED = { "idempotent-replayed": "true" };

function refusal(
  status: number,
  error: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): NonNullable<Scripted> {
  return { status, headers, body: { error: { message: "No.", ...error } } };
}

const invalid = { type: "invalid_request_error" };

/** The verdict on an answer, and on the same one to the SDK's own second try. */
const ANSWERS: Readonly<
  Record<string, readonly [answer: NonNullable<Scripted>, first: string, resent: string]>
> = {
  "no API key": [refusal(401, invalid), "not-executed", "unanswered"],
  "no permission": [refusal(403, invalid), "not-executed", "unanswered"],
  "the limiter": [refusal(429, { code: "rate_limit" }), "not-executed", "unanswered"],
  "the limiter, as a 400": [refusal(400, { code: "rate_limit" }), "not-executed", "unanswered"],
  "a lock": [refusal(429, { code: "lock_timeout" }), "failed", "failed"],
  "a parameter": [refusal(400, { ...invalid, code: "parameter_unknown" }), "refused", "unanswered"],
  "a parameter, replayed": [
    refusal(400, { ...invalid, code: "parameter_unknown" }, REPLAYED),
    "declined",
    "declined",
  ],
  "a balance": [
    refusal(400, { ...invalid, code: "balance_insufficient" }),
    "refused",
    "unanswered",
  ],
  "a balance, replayed": [
    refusal(400, { ...invalid, code: "balance_insufficient" }, REPLAYED),
    "declined",
    "declined",
  ],
  "no such thing": [
    refusal(404, { ...invalid, code: "resource_missing" }),
    "refused",
    "unanswered",
  ],
  "a key of another mode": [
    refusal(400, { ...invalid, code: "livemode_mismatch" }),
    "not-executed",
    "unanswered",
  ],
  "a card": [refusal(402, { type: "card_error", code: "card_declined" }), "declined", "declined"],
  "other parameters": [refusal(400, { type: "idempotency_error" }), "frozen", "frozen"],
  "the key is in use": [
    refusal(409, { type: "idempotency_error", code: "idempotency_key_in_use" }),
    "unanswered",
    "unanswered",
  ],
  "a dependency": [refusal(424, { type: "api_error" }), "failed", "failed"],
  "an error": [refusal(500, { type: "api_error" }), "failed", "failed"],
  "an error, replayed": [refusal(500, { type: "api_error" }, REPLAYED), "frozen", "frozen"],
  "a gateway": [{ status: 502, body: "<html>" }, "unanswered", "unanswered"],
  "a success that is no JSON": [{ status: 200, body: "<html>" }, "unanswered", "unanswered"],
  "an unknown status": [refusal(418, {}), "unanswered", "unanswered"],
};

// The SDK sleeps half a second before its second try, so they sleep together.
describe("what the real SDK makes of an answer", { concurrency: true }, () => {
  for (const [name, [answer, first, resent]] of Object.entries(ANSWERS))
    test(`${name} is ${first}, and ${resent} after a closed connection`, async (context) => {
      const { effects } = await scriptedApi(context, answer, undefined, answer);
      const effect = effects.paymentIntent(CARD);
      assert.equal(await verdict(effect), first);
      assert.equal(await verdict(effect), resent);
    });
});

test("a refusal of the limiter says when to come again", async (context) => {
  const limited = refusal(429, { code: "rate_limit" }, { "retry-after": "7" });
  const { effects } = await scriptedApi(context, limited);
  const effect = effects.paymentIntent(CARD);
  const error = await Promise.resolve(effect.send(callWith())).catch((reason: unknown) => reason);
  const judged = effect.judge?.(error);
  assert.ok(isNotExecuted(judged));
  assert.equal(judged.retryAfterMs, 7_000);
});

test("the SDK's second try has the same key, and others' tries are not counted", async (context) => {
  const answer = refusal(401, invalid);
  const { effects, requests } = await scriptedApi(context, undefined, answer, answer);
  const effect = effects.paymentIntent(CARD);
  assert.equal(await verdict(effect), "unanswered");
  assert.deepEqual(
    requests.map(({ key }) => key),
    [KEY, KEY],
  );
  assert.equal(new Set(requests.map(({ body }) => body)).size, 1);
  assert.equal(await verdict(effect), "not-executed");
});

test("a capture carries its mark, and is found by it alone", async (context) => {
  const intent = { id: "pi_1", status: "succeeded", amount: 5, currency: "eur" };
  const ours = { ...intent, metadata: { nevertwice_capture_key: KEY } };
  const others = { ...intent, metadata: { nevertwice_capture_key: "other" } };
  const answers = [ours, ours, others].map((body) => ({ status: 200, body }));
  const { effects, requests } = await scriptedApi(context, ...answers);
  const capture = effects.capture("pi_1", { amount_to_capture: 5 });
  assert.equal(await verdict(capture), "value");
  const [sent] = requests;
  assert.equal(sent?.line, "POST /v1/payment_intents/pi_1/capture");
  assert.match(sent?.body ?? "", new RegExp(`metadata\\[nevertwice_capture_key\\]=${KEY}`));
  assert.equal(Reflect.get(Object(await capture.lookUp?.find(callWith())), "id"), "pi_1");
  assert.equal(await capture.lookUp?.find(callWith()), undefined);
});

testProperty(
  "an error that is not the SDK's proves nothing",
  fc.property(fc.anything(), fc.boolean(), (error, resent) => {
    assert.deepEqual(judgeStripe(error, resent), inDoubt("unanswered"));
  }),
);
