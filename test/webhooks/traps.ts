import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { WebhookProvider } from "../../src/model/delivery.ts";
import type { Secrets } from "../../src/webhooks/secret.ts";
import { altered, delivery, eventsOf, type Headers, refusedWith } from "./bench.ts";

export const NOW = 1_790_000_000_000;

export type Body = string | Uint8Array;

/** A provider, and how its deliveries are signed by somebody who is not this library. */
export interface Scene {
  provider(secret: Secrets): WebhookProvider;
  sign(body: Body, secret: string): Headers;
  /** The header of the signature. */
  readonly header: string;
  /** An authentic body in plain letters. */
  readonly body: string;
}

export function hexOf(body: Body, secret: string): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/**
 * The same traps for every provider with a shared secret.
 *
 * @param options.several whether the signature's header may come several times
 */
export function testTraps(
  name: string,
  { provider, sign, header, body }: Scene,
  { several = false }: { readonly several?: boolean } = {},
): void {
  const signing = "first-secret-1234";
  const one = provider(signing);
  const signed = sign(body, signing);
  const read = (headers: Headers, sent: Body = body) =>
    one.read(delivery({ headers, body: sent }), NOW);

  test(`${name}: a signature that is missing, empty, repeated or no text of one is refused`, async () => {
    const { [header]: value, ...others } = signed;
    assert.equal(typeof value, "string");
    await refusedWith("signature-missing", () => read(others));
    await refusedWith("signature-missing", () => read({ ...others, [header]: "" }));
    await refusedWith("signature-missing", () => read({ ...others, [header]: "?" }));
    const twice = [value as string, value as string];
    if (several) await read({ ...others, [header]: twice });
    else await refusedWith("signature-missing", () => read({ ...others, [header]: twice }));
  });

  test(`${name}: any altered byte of the body is refused`, async () => {
    for (let index = 0; index < body.length; index += 1)
      await refusedWith("signature-wrong", () => read(signed, altered(body, index)));
    await refusedWith("signature-wrong", () => read(signed, `${body} `));
  });

  test(`${name}: bytes that a lenient decoder would take for the same text are refused`, async () => {
    const marked = Buffer.concat([Buffer.from("\ufeff"), Buffer.from(body)]);
    await refusedWith("signature-wrong", () => read(signed, marked));
    const withSign = body.replace(/[A-Za-z]/, "\ufffd");
    const at = Buffer.from(withSign).indexOf("\ufffd");
    const withByte = Buffer.concat([
      Buffer.from(withSign).subarray(0, at),
      Buffer.from([0xff]),
      Buffer.from(withSign).subarray(at + 3),
    ]);
    await refusedWith("webhook-malformed", () =>
      read(sign(withSign, "first-secret-1234"), withByte),
    );
    await refusedWith("webhook-malformed", () =>
      read(sign(withByte, "first-secret-1234"), withByte),
    );
  });

  test(`${name}: each secret of a rotation counts in its time, and its name is told`, async () => {
    const rotated = provider([
      { name: "old", secret: "first-secret-1234", notAfter: NOW },
      { name: "new", secret: "second-secret-1234", notBefore: NOW },
    ]);
    const parts = (secret: string) => ({ headers: sign(body, secret), body });
    assert.equal((await eventsOf(rotated, parts("first-secret-1234"), NOW)).secret, "old");
    assert.equal((await eventsOf(rotated, parts("second-secret-1234"), NOW)).secret, "new");
    const at = (secret: string, now: number) => () => rotated.read(delivery(parts(secret)), now);
    await refusedWith("signature-wrong", at("first-secret-1234", NOW + 1));
    await refusedWith("signature-wrong", at("second-secret-1234", NOW - 1));
    await refusedWith("signature-wrong", at("third-secret-1234", NOW));
  });

  test(`${name}: there is no endpoint without a secret`, async () => {
    for (const secret of ["", [], [""], undefined, { name: "empty", secret: "" }])
      await refusedWith("option-invalid", () => provider(secret as Secrets));
  });

  test(`${name}: a secret that is short enough to be guessed is refused`, async () => {
    provider("sixteen letters!");
    const short = "fifteen letters";
    for (const secret of [short, [signing, short], { name: "short", secret: short }])
      await refusedWith("option-invalid", () => provider(secret));
  });
}

/** What may happen to a signature on its way. */
export const damage: fc.Arbitrary<(signature: string) => string> = fc.oneof(
  { weight: 3, arbitrary: fc.constant((signature: string) => signature) },
  fc.nat().map((at) => (signature: string) => {
    const index = at % signature.length;
    const other = signature[index] === "0" ? "1" : "0";
    return signature.slice(0, index) + other + signature.slice(index + 1);
  }),
  fc.nat().map((at) => (signature: string) => signature.slice(0, at % signature.length)),
  fc.constantFrom("0", "00", " ", "=").map((more) => (signature: string) => signature + more),
);

/** The secret of the endpoint, or another one. */
export const secret: fc.Arbitrary<string> = fc.constantFrom(
  "first-secret-1234",
  "first-secret-1234",
  "second-secret-1234",
  "FIRST-SECRET-1234",
);

/** The text of a body with these members among others, in any spelling of JSON. */
export function bodies(members: object): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ stringUnit: "binary" })),
      fc.constantFrom(0, 1, "\t"),
    )
    .map(([others, space]) => JSON.stringify({ ...others, ...members }, undefined, space));
}
