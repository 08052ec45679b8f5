import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { fingerprint, type Payload, type Recipe } from "../../src/model/fingerprint.ts";
import { digest, recordId } from "../../src/model/key.ts";

/**
 * What is digested is stored: a change of any of these makes an operation that exists unfindable,
 * or refuses its honest retry as another payload.
 */
const ID = "eb3fb12a024949d738d1a183b6e53f86269e6323d7fb241360bf25ae146406b6";
const RECIPE: Recipe = { version: 1, operation: "checkout" };

test("a record's id is the same in every version of the library", () => {
  assert.equal(recordId("http", "acct_1", "key_1"), ID);
  const own = "ed9d82adfd4c33ce97ca87d1e0a945cc43bbad64edefc01a1ee3fc7bdb360be9";
  assert.equal(recordId("own", "acct_1", "key_1"), own);
  const named = "0b8dac51409023d7109fa1425b7b6372d1f94786da9d191f019347fc30ad01bc";
  assert.equal(recordId("http", "acct_1", "key_1", "checkout"), named);
});

const PRINTS: readonly (readonly [string, Recipe, Payload, string])[] = [
  [
    "a JSON payload",
    RECIPE,
    { json: { b: 1, a: [true] } },
    "48970044892b4f360a8908155a5ddd47ba5a946c97c1053f302edf74134f0f78",
  ],
  [
    "the same as bytes",
    RECIPE,
    { bytes: Buffer.from('{"a":[true],"b":1}') },
    "f0871a813174a7f8daf96f56ce9db0956bcf82678469a05f5a6d9a8d2f5a4c78",
  ],
  [
    "declared fields",
    { ...RECIPE, fields: ["a.b", "c"] },
    { json: { a: { b: 1 }, d: 2 } },
    "7cf96e8150b61c5e849853fba0609813ea962f62de7db554fee6d285f61ec079",
  ],
];

for (const [what, recipe, payload, print] of PRINTS)
  test(`the fingerprint of ${what} is the same in every version of the library`, () => {
    assert.equal(Buffer.from(fingerprint(ID, recipe, payload)).toString("hex"), print);
  });

test("a digest is that of its parts behind their lengths, texts and bytes alike", () => {
  const parts = ["é", Uint8Array.of(0, 255, 7), ""];
  const reference = createHash("sha256");
  for (const part of parts) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    reference.update(length).update(bytes);
  }
  assert.deepEqual(digest(...parts), reference.digest());
});
