import assert from "node:assert/strict";
import { test } from "node:test";
import { digestUuid, type ProviderKeyParts, providerKey } from "../../src/model/provider-key.ts";

const PARTS: ProviderKeyParts = {
  namespace: "shop-test",
  origin: "own",
  scope: "acct_1",
  operation: "checkout",
  key: "key_1",
  step: "charge",
  generation: 0,
};

/** Whoever changes how keys are made lets every retry over the upgrade charge a second time. */
test("a provider key is the same in every version of the library", () => {
  assert.equal(providerKey(PARTS), "b90bcc90-0975-85bb-b25e-fbdb924d2d59");
  assert.equal(digestUuid("a", "b"), "16275ef0-f5d0-8b9d-99e0-a53277549fda");
});

test("every part of it makes another provider key", () => {
  const others: readonly Partial<ProviderKeyParts>[] = [
    { namespace: "shop-production" },
    { origin: "http" },
    { scope: "acct_2" },
    { operation: "refund" },
    { key: "key_2" },
    { step: "mail" },
    { generation: 1 },
  ];
  const keys = others.map((other) => providerKey({ ...PARTS, ...other }));
  assert.equal(new Set([...keys, providerKey(PARTS)]).size, others.length + 1);
});

test("a provider key is a UUID of version 8 whatever its parts are", () => {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (let number = 0; number < 100; number += 1)
    assert.match(digestUuid("part", String(number)), form);
});
