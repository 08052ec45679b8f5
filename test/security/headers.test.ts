import assert from "node:assert/strict";
import fc from "fast-check";
import { firstHeaders, isForbidden, replayedHeaders, storedHeaders } from "../../src/http/reply.ts";
import { testProperty } from "../property.ts";

/** What would speak to somebody else, or of another connection. */
const DANGEROUS = [
  ...["set-cookie", "authorization", "www-authenticate", "proxy-authenticate", "date"],
  ...["proxy-authorization", "connection", "keep-alive", "transfer-encoding", "te", "trailer"],
  ...["upgrade", "content-length"],
];
/** Stored only where a mount names them. */
const LEFT_OUT = [
  ...["access-control-allow-origin", "access-control-allow-credentials", "vary", "x-request-id"],
  ...["content-security-policy", "traceparent", "server-timing", "x-powered-by", "cache-control"],
];

const cased = (names: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...names), fc.nat())
    .map(([name, bits]) =>
      name.replace(/[a-z]/g, (letter, at: number) =>
        (bits >> (at % 31)) & 1 ? letter.toUpperCase() : letter,
      ),
    );
const anyName = fc.string({ unit: fc.constantFrom(..."abcdefgSETCOKI-_.") });
const pairs = fc.array(
  fc.tuple(fc.oneof(cased(DANGEROUS), cased(LEFT_OUT), anyName), fc.string()),
  { maxLength: 8 },
);

testProperty(
  "no header of a connection or of a person is stored, in whatever case and whatever a mount names",
  fc.property(pairs, (headers) => {
    const also = new Set(headers.map(([name]) => name.toLowerCase()));
    for (const [name] of storedHeaders(headers, also)) assert.ok(!DANGEROUS.includes(name), name);
    for (const [name] of storedHeaders(headers, new Set()))
      assert.ok(!LEFT_OUT.includes(name), name);
    // What an older version stored is looked at once more.
    const lower = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
    for (const [name] of replayedHeaders(lower)) assert.ok(!DANGEROUS.includes(name), name);
    for (const [name] of firstHeaders(lower))
      assert.ok(name === "set-cookie" || !DANGEROUS.includes(name), name);
  }),
);

testProperty(
  "a mount cannot name such a header",
  fc.property(cased(DANGEROUS), (name) => assert.ok(isForbidden(name))),
);
