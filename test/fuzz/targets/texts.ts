import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { harmless, jsonText as terminalJson } from "../../../src/cli/output.ts";
import { readBody, readForm } from "../../../src/sandbox/body.ts";
import { readXml, type XmlValue } from "../../../src/webhooks/braintree-xml.ts";
import { decodeSignature, toText } from "../../../src/webhooks/hmac.ts";
import { fromBase64, fromHex } from "../../../src/webhooks/signature.ts";
import { formOf, joined } from "../../../src/webhooks/twilio-form.ts";
import { mutated, oddText } from "../mutation.ts";
import { jsonTarget, type Target, textTarget } from "../target.ts";
import { outcomeOf } from "./http.ts";

const XML_WORDS = [
  "<a/>",
  "</a>",
  "<a>",
  "&amp;",
  "&#65;",
  "&constructor;",
  ' type="array"',
  ' nil="true"',
  "<!--",
];
const XMLS = [
  "<n><kind>check</kind><subject><check>1</check></subject></n>",
  '<?xml version="1.0"?><n><l type="array"><a>1</a><b nil="true"/></l><x>&lt;&#x41;</x></n>',
  "<n><a>1</a><a>2</a><a><b>3</b></a></n>",
];

const xml: Target = textTarget({
  name: "xml",
  make: (chance) =>
    chance.hit(0.0005)
      ? `<n>${chance.pick(XML_WORDS).repeat(8_000)}</n>`
      : mutated(chance, chance.pick(XMLS), XML_WORDS),
  check(text) {
    const found = outcomeOf(() => readXml(text));
    if ("code" in found) return assert.equal(found.code, "webhook-malformed");
    assert.ok(textLength(found.value) <= text.length);
    const between = text.replaceAll(/<[^<>]*>/g, "");
    assert.doesNotMatch(between, /&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-f]{1,6});?)/i);
    const [[name, value] = ["", null], ...more] = Object.entries(found.value ?? {});
    assert.equal(more.length, 0);
    assert.deepEqual(readXml(xmlOf(name, value)), { [name]: value });
  },
});

/** An element can say no more than what stands in its text. */
function textLength(value: XmlValue): number {
  if (typeof value === "string") return value.length;
  if (value === null) return 0;
  return Object.values(value).reduce((sum, inner) => sum + textLength(inner), 0);
}

function xmlOf(name: string, value: XmlValue): string {
  if (value === null) return `<${name} nil="true"/>`;
  if (typeof value === "string") {
    const text = value.replaceAll(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
    return `<${name}>${text}</${name}>`;
  }
  const isList = Array.isArray(value);
  const inner = Object.entries(value).map(([one, member]) => xmlOf(isList ? "item" : one, member));
  return `<${name}${isList ? ' type="array"' : ""}>${inner.join("")}</${name}>`;
}

const FORMS = [
  "a=1&b=2",
  "Body=hi+there&To=%2B1555&To=x",
  "a[b][c]=1&a[d]=2&a[]=3",
  "payload=%7B%7D",
];
const FORM_WORDS = [
  "a=1",
  "&",
  "=",
  "[a]",
  "[]",
  "[0]",
  "%C3%A9",
  "__proto__[x]=1",
  "constructor=",
];

const form: Target = textTarget({
  name: "form",
  make: (chance) => mutated(chance, chance.pick(FORMS), FORM_WORDS),
  check(given) {
    // It is what a strict decoder has made of bytes.
    const text = given.toWellFormed();
    const pairs = text.split("&").filter((pair) => pair !== "");
    const found = outcomeOf(() => formOf(pairs.join("&")));
    // A question mark at its beginning would be taken for that of a URL.
    const known = new URLSearchParams(`?${pairs.join("&")}`);
    if ("code" in found) {
      assert.equal(found.code, "webhook-malformed");
      // A lenient reader has put other characters in the place of bytes that are none, and takes
      // a letter beyond ASCII for the byte of its number.
      const isBroken = /%(?![0-9a-f]{2})|[^ -~]/i.test(text);
      return assert.ok(isBroken || [...known].join().includes("\ufffd"));
    }
    const names = new Set(known.keys());
    assert.deepEqual(new Set(Object.keys(found.value)), names);
    for (const name of names) assert.deepEqual([found.value[name]].flat(), known.getAll(name));
    const signed = [...names]
      .sort()
      .flatMap((name) => [...new Set(known.getAll(name))].sort().map((value) => name + value));
    assert.equal(joined(found.value), signed.join(""));
  },
});

const sandboxForm: Target = textTarget({
  name: "sandbox-form",
  make: (chance) => mutated(chance, chance.pick(FORMS), FORM_WORDS),
  check(text) {
    const found = readForm(text);
    assert.equal(Reflect.get({}, "x"), undefined);
    const pairs = [...new URLSearchParams(text)];
    const values = new Set(pairs.map(([, value]) => value));
    for (const value of leaves(found, 0)) assert.ok(values.has(value));
    // Nothing nested or unnamed, so that the last of each name is what counts.
    if (pairs.some(([name]) => name === "" || /[[\]]/.test(name))) return;
    assert.deepEqual(new Map(Object.entries(found)), new Map(pairs));
  },
});

function leaves(value: unknown, depth: number): string[] {
  assert.ok(depth <= 9);
  if (typeof value === "string") return [value];
  assert.ok(typeof value === "object" && value !== null);
  return Object.values(value).flatMap((inner) => leaves(inner, depth + 1));
}

interface SandboxRequest {
  readonly type: string;
  readonly chunks: readonly string[];
}

const SANDBOX_BODY_MAX = 64 * 1024;
const TYPES = ["application/json", "application/x-www-form-urlencoded", "", "text/plain"];

const sandboxBody: Target = jsonTarget<SandboxRequest>({
  name: "sandbox-body",
  make(chance) {
    const base = chance.pick([...FORMS, '{"amount":1,"list":[{"a":null}]}', ""]);
    const text = mutated(chance, base, chance.hit(0.001) ? ["x".repeat(SANDBOX_BODY_MAX)] : []);
    const at = chance.below(text.length);
    return { type: chance.pick(TYPES), chunks: [text.slice(0, at), text.slice(at)] };
  },
  async check({ type, chunks }) {
    const bytes = chunks.map((chunk) => Buffer.from(chunk, "utf8"));
    const request = {
      headers: { "content-type": type },
      async *[Symbol.asyncIterator]() {
        yield* bytes;
      },
    };
    const found = await readBody(request as unknown as IncomingMessage);
    const whole = Buffer.concat(bytes);
    if (whole.length > SANDBOX_BODY_MAX)
      return assert.deepEqual(found, { refusal: "body-too-large" });
    const text = whole.toString("utf8");
    if (type.includes("form") && !text.startsWith("{"))
      return assert.deepEqual(found, { value: readForm(text) });
    const read = outcomeOf(() => readJson(text === "" ? "{}" : text));
    assert.deepEqual(
      found,
      "value" in read && read.value ? read.value : { refusal: "body-malformed" },
    );
  },
});

function readJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Code points that a terminal would obey, that would break a line, or that would hide. */
const OBEYED: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x2064],
  [0x2066, 0x206f],
  [0xfeff, 0xfeff],
  [0xe0001, 0xe0001],
  [0xe0020, 0xe007f],
];

function isObeyed(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return OBEYED.some(([first, last]) => first <= code && code <= last);
}

const terminal: Target = textTarget({
  name: "terminal",
  make: (chance) =>
    chance.hit(0.5)
      ? oddText(chance)
      : String.fromCodePoint(...Array.from({ length: 4 }, () => chance.below(0x3000))),
  check(text) {
    const shown = harmless(text);
    assert.ok(![...shown].some(isObeyed), JSON.stringify(shown));
    // What needs no change is shown as it is.
    if (!/[^ -~]/.test(text)) assert.equal(shown, text);
    const json = terminalJson({ [text]: text });
    // JSON has lines of its own, and the two separators do nothing within it.
    const lines = json.replaceAll(/[\n\u2028\u2029]/g, "");
    assert.ok(![...lines].some(isObeyed), JSON.stringify(json));
    assert.deepEqual(Object.values(JSON.parse(json) as object), [text]);
  },
});

const SIGNATURES = ["00ffAB", "AAECAw==", "AAEC", "AAE=", "+/+/", "q80"];

const signature: Target = textTarget({
  name: "signature-text",
  make: (chance) => mutated(chance, chance.pick(SIGNATURES), ["=", "==", "AA", "0", "/", "-"]),
  check(text) {
    const hex = fromHex(text);
    assert.equal(hex !== undefined, /^[0-9a-f]+$/i.test(text) && text.length % 2 === 0);
    if (hex !== undefined) assert.equal(toText(hex, "hex"), text.toLowerCase());
    const base64 = fromBase64(text);
    const strict = decodeSignature(text, "base64");
    assert.equal(
      strict !== undefined,
      text !== "" && Buffer.from(text, "base64").toString("base64") === text,
    );
    if (strict !== undefined) assert.deepEqual(strict, base64);
    if (base64 === undefined) return;
    const bare = toText(base64, "base64").replace(/=+$/, "");
    assert.equal(text.replace(/=+$/, "").length, bare.length);
    assert.equal(Buffer.compare(Buffer.from(bare, "base64"), base64), 0);
  },
});

export const TEXT_TARGETS: readonly Target[] = [
  ...[xml, form, sandboxForm, sandboxBody, terminal, signature],
];
