import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as sdk from "@octokit/webhooks-methods";
import fc from "fast-check";
import { githubWebhook } from "../../src/webhooks/github.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const HEADER = "x-hub-signature-256";
const provider = githubWebhook({ secret: "first-secret-1234", sdk });
const BODY = JSON.stringify({ action: "opened", issue: { id: 7 }, repository: { id: 1 } });

const headersOf = (body: Body, secret = "first-secret-1234") => ({
  [HEADER]: `sha256=${hexOf(body, secret)}`,
  "x-github-event": "issues",
  "x-github-delivery": "guid-1",
});
const parts = (body: string, headers = {}) => ({
  headers: { ...headersOf(body), ...headers },
  body,
});

testTraps("github", {
  provider: (secret) => githubWebhook({ secret, sdk }),
  sign: headersOf,
  header: HEADER,
  body: BODY,
});

testProperty(
  "GitHub's package takes what is taken here, and nothing else",
  fc.asyncProperty(bodies({}), secrets, damage, async (body, secret, damaged) => {
    const signature = damaged(`sha256=${hexOf(body, secret)}`);
    const official = signature !== "" && (await sdk.verify("first-secret-1234", body, signature));
    const sent = parts(body, { [HEADER]: signature });
    assert.equal(
      await isTaken(githubWebhook({ secret: "first-secret-1234" }), sent, NOW),
      official,
    );
    assert.equal(await isTaken(provider, sent, NOW), official);
  }),
);

test("the secret and the example that GitHub prints fit", async () => {
  // From its page on validating deliveries; it is no event, and its signature is right.
  const headers = {
    [HEADER]: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
  };
  const printed = githubWebhook({ secret: "It's a Secret to Everybody" });
  const sent = { headers, body: "Hello, World!" };
  await refusedWith("webhook-malformed", () => eventOf(printed, sent, NOW));
  await refusedWith("signature-wrong", () => eventOf(provider, sent, NOW));
});

test("another algorithm's signature counts for nothing", async () => {
  for (const value of [
    hexOf(BODY, "first-secret-1234"),
    `sha1=${hexOf(BODY, "first-secret-1234")}`,
    "sha256=",
    "sha256",
  ])
    await refusedWith("signature-missing", () =>
      eventOf(provider, parts(BODY, { [HEADER]: value }), NOW),
    );
});

test("a body that comes again has its key, under a fresh id and under another event's name", async () => {
  const one = await eventOf(provider, parts(BODY), NOW);
  const again = await eventOf(provider, parts(BODY, { "x-github-delivery": "guid-2" }), NOW);
  const other = await eventOf(provider, parts(BODY, { "x-github-event": "release" }), NOW);
  assert.equal(one.key, `body:${createHash("sha256").update(BODY).digest("hex")}`);
  assert.deepEqual([again.key, other.key], [one.key, one.key]);
  assert.deepEqual(one.aliases, ["delivery:guid-1"]);
  assert.deepEqual(again.aliases, ["delivery:guid-2"]);
  assert.deepEqual(again.fingerprint, one.fingerprint);
  // The same key with another fingerprint is what raises the alarm.
  assert.notDeepEqual(other.fingerprint, one.fingerprint);
});

test("type and object come from the name and the body", async () => {
  const read = async (name: string, body: object) => {
    const found = parts(JSON.stringify(body), { "x-github-event": name });
    const { type, object } = await eventOf(provider, found, NOW);
    return [type, object];
  };
  const issues = await eventOf(provider, parts(BODY), NOW);
  assert.deepEqual([issues.type, issues.object], ["issues.opened", { kind: "issue", id: "7" }]);
  assert.deepEqual(await read("push", { repository: { id: 1 } }), [
    "push",
    { kind: "repository", id: "1" },
  ]);
  assert.deepEqual(await read("ping", { zen: "Keep it logically awesome." }), ["ping", undefined]);
});

test("a form's payload is read like JSON", async () => {
  const form = `payload=${encodeURIComponent(BODY)}`;
  const { payload, type } = await eventOf(provider, parts(form), NOW);
  assert.deepEqual(payload, JSON.parse(BODY));
  assert.equal(type, "issues.opened");
});

test("an event without a name is malformed", async () => {
  for (const name of ["", "a b", "n".repeat(101), ["push", "push"]])
    await refusedWith("webhook-malformed", () =>
      eventOf(provider, parts(BODY, { "x-github-event": name }), NOW),
    );
  for (const body of ["", "no", "payload=no"])
    await refusedWith(body === "" ? "signature-wrong" : "webhook-malformed", () =>
      eventOf(provider, parts(body), NOW),
    );
});

test("a package that refuses or throws is a refusal", async () => {
  for (const verify of [async () => false, async () => assert.fail("It broke.")]) {
    const strict = githubWebhook({ secret: "first-secret-1234", sdk: { verify } });
    await refusedWith("signature-wrong", () => eventOf(strict, parts(BODY), NOW));
  }
});
