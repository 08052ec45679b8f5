import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { namedSecrets } from "../../src/webhooks/secret.ts";
import { isEqual, matchSecret } from "../../src/webhooks/signature.ts";

const SECRETS = ["first-secret-1234", "second-secret-1234", "third-secret-1234"];
const sign = (secret: string) => createHmac("sha256", secret).update("body").digest();

test("every secret is tried on every signature, whichever of them matches", () => {
  const wrong = Buffer.alloc(32);
  for (const signer of [...SECRETS, "another-secret-1234"]) {
    const tried: string[] = [];
    const match = () =>
      matchSecret(namedSecrets(SECRETS), 0, [wrong, sign(signer), wrong], (secret) => {
        tried.push(secret);
        return sign(secret);
      });
    const at = SECRETS.indexOf(signer);
    if (at === -1) assert.throws(match, (error) => isNevertwiceError(error, "signature-wrong"));
    else assert.equal(match(), String(at + 1));
    assert.deepEqual(tried, SECRETS);
  }
});

test("bytes of any two lengths are compared, and only the same are equal", () => {
  const right = sign("first-secret-1234");
  for (let length = 0; length <= 2 * right.length; length += 1) {
    const other = Buffer.concat([right, right]).subarray(0, length);
    assert.equal(isEqual(right, other), length === right.length);
    assert.equal(isEqual(other, right), length === right.length);
  }
});
