import assert from "node:assert/strict";
import { test } from "node:test";
import { effectDigest, waysOf } from "../../src/core/effect.ts";
import { acquirer, type ChargeEffect } from "./acquirer.ts";

const effect = (options: Partial<ChargeEffect> = {}): ChargeEffect => acquirer().effect(options);
const lookUp = { quietMs: 1_000, find: () => undefined };
const cancel = () => undefined;

for (const [what, options, ways] of [
  ["a key", {}, ["replay"]],
  ["no key", { keyed: false }, []],
  ["a key and a look-up", { lookUp }, ["replay", "look-up"]],
  ["a key and a cancellation", { cancel }, ["replay", "cancel"]],
  ["all of them", { lookUp, cancel }, ["replay", "look-up", "cancel"]],
  ["a look-up, but no key", { keyed: false, lookUp }, ["look-up"]],
  ["an order of its own", { lookUp, cancel, ways: ["cancel", "replay"] }, ["cancel", "replay"]],
  ["ways that it does not have", { ways: ["look-up", "cancel"] }, []],
  ["a replay that it cannot make", { keyed: false, ways: ["replay"] }, []],
] as const)
  test(`a step without a result is resolved by the ways that its effect has: ${what}`, () => {
    assert.deepEqual(waysOf(effect(options)), ways);
  });

// A release that wrote other digests would take the steps of the one before for changed code.
for (const [what, options, digest] of [
  ["no input", {}, "faaddfa31506ba40c65c4add926ea1eae54d98f3834208c411707702a2b49fb3"],
  [
    "an input",
    { input: { amount: 1999, currency: "eur" } },
    "ef89f5dd06c7c6ae84fb56ae835cd0e539ddbab4680e6fe6cdbc026d4bf83818",
  ],
  [
    "an input without a key",
    { input: { amount: 1999, currency: "eur" }, keyed: false },
    "270c9d305d90ed98a634e72ea5c260efe9dfbc969cdc62ab439f17c404840c4f",
  ],
] as const)
  test(`the digest of a step's arguments is the same in every release: ${what}`, () => {
    assert.equal(effectDigest(effect(options)), digest);
  });

test("a step's arguments are the same in whichever order their members stand", () => {
  const [one, other] = [
    { a: 1, b: { c: 2, d: 3 } },
    { b: { d: 3, c: 2 }, a: 1 },
  ];
  assert.equal(effectDigest(effect({ input: one })), effectDigest(effect({ input: other })));
  assert.equal(effectDigest(effect({ keyed: true })), effectDigest(effect()));
  assert.notEqual(effectDigest(effect({ input: null })), effectDigest(effect()));
});
