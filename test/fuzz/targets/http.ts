import assert from "node:assert/strict";
import type { Door } from "../../../src/core/handle.ts";
import { readBody } from "../../../src/http/body.ts";
import { handle } from "../../../src/http/handle.ts";
import { type ErrorCode, isNevertwiceError } from "../../../src/model/errors.ts";
import { decodeRecipe, encodeRecipe, fingerprint } from "../../../src/model/fingerprint.ts";
import { parseKey } from "../../../src/model/key.ts";
import type { Chance } from "../../simulation/chance.ts";
import { isCarried, isSame, jsonText, jsonValue, otherValue } from "../json.ts";
import { mutated, oddText } from "../mutation.ts";
import { isRepeating } from "../repeating.ts";
import { byteTarget, jsonTarget, type Target, textTarget } from "../target.ts";

/** What the work gives, or the code that it is refused with; anything else is thrown on. */
export function outcomeOf<T>(work: () => T): { readonly value: T } | { readonly code: ErrorCode } {
  try {
    return { value: work() };
  } catch (error) {
    if (!isNevertwiceError(error)) throw error;
    return { code: error.code };
  }
}

const KEYS = [
  "order-1",
  '"order-1"',
  '"a\\"b\\\\c"',
  '"k";a=1;b',
  "a:b",
  ' "x" ',
  '"a", "b"',
  "a,b",
];

const key: Target = textTarget({
  name: "key",
  make: (chance) =>
    chance.hit(0.2)
      ? `"${oddText(chance, 300)}"`
      : mutated(chance, chance.pick(KEYS), ['"', '\\"', "\\\\", ";a=1", '";', "k".repeat(255)]),
  check(header) {
    const found = outcomeOf(() => parseKey(header));
    const text = header.trim();
    const quoted = text.startsWith('"') ? quotedOf(text) : { value: text, rest: "" };
    if (text === "") return assert.deepEqual(found, { code: "key-required" });
    const value = quoted?.value ?? "";
    const isLegal = /^[!-~]{1,255}$/.test(value) && (text !== value || !text.includes(","));
    if (!isLegal) return assert.deepEqual(found, { code: "key-malformed" });
    if (quoted?.rest === "") assert.deepEqual(found, { value });
    else if ("value" in found) {
      assert.equal(found.value, value);
      assert.match(quoted?.rest ?? "", /^[ ]*;/);
    } else assert.equal(found.code, "key-malformed");
    assert.equal(parseKey(`"${value.replaceAll(/["\\]/g, "\\$&")}"`), value);
  },
});

/** A string of RFC 8941, read letter by letter, and what follows it. */
function quotedOf(text: string): { readonly value: string; readonly rest: string } | undefined {
  let value = "";
  for (let at = 1; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (letter === '"') return { value, rest: text.slice(at + 1) };
    if (letter < " " || letter > "~") return undefined;
    if (letter === "\\") at += 1;
    const meant = text.charAt(at);
    if (letter === "\\" && meant !== '"' && meant !== "\\") return undefined;
    value += meant;
  }
  return undefined;
}

const BODIES = [
  '{"a":1,"b":[true,null,"x"]}',
  '{"__proto__":{"polluted":1},"a":1}',
  '{"a":1,"b":{"\\u0061":2,"a":[{"a":3}]}}',
  '"text"',
  "12",
];

const body: Target = byteTarget({
  name: "json-body",
  make: (chance) =>
    Buffer.from(
      mutated(chance, chance.hit(0.5) ? chance.pick(BODIES) : jsonText(chance, jsonValue(chance))),
      chance.hit(0.2) ? "latin1" : "utf8",
    ),
  check(bytes) {
    const found = outcomeOf(() => readBody(bytes, "application/json; charset=utf-8"));
    assert.equal(Reflect.get({}, "polluted"), undefined);
    if (bytes.length === 0) return assert.deepEqual(found, { value: undefined });
    const text = Buffer.from(bytes).toString("utf8");
    const isText = Buffer.compare(Buffer.from(text, "utf8"), bytes) === 0;
    const value = isText ? parsed(text) : undefined;
    if (value === undefined) return assert.deepEqual(found, { code: "input-invalid" });
    // Two readings of such a text may differ: see the names of `json.ts`.
    const isClear = !text.includes("\\\\");
    if ("code" in found) {
      assert.equal(found.code, "payload-ambiguous", text);
      return assert.ok(isRepeating(text) || !isClear, text);
    }
    assert.ok(found.value !== undefined && "json" in found.value, text);
    if (isClear) assert.ok(!isRepeating(text) && isSame(found.value.json, value.value), text);
  },
});

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

interface Pair {
  readonly one: string;
  readonly other: string;
  readonly isRespelled: boolean;
}

function pairOf(chance: Chance): Pair {
  const value = jsonValue(chance);
  const one = jsonText(chance, value);
  const isRespelled = chance.hit(0.5);
  if (isRespelled) return { one, other: jsonText(chance, value), isRespelled };
  if (chance.hit(0.5))
    return { one, other: jsonText(chance, otherValue(chance, value)), isRespelled };
  const deep = "[".repeat(60 + chance.below(8));
  const other = chance.hit(0.02) ? deep + "]".repeat(deep.length) : mutated(chance, one);
  return { one, other, isRespelled };
}

const RECIPE = { version: 1, operation: "pay" };

/** The digest of a body's meaning, or undefined if it is refused as it must be. */
function digestOf(text: string): { readonly json: unknown; readonly digest?: string } | undefined {
  const read = outcomeOf(() => readBody(Buffer.from(text, "utf8"), "application/json"));
  if ("code" in read || read.value === undefined || !("json" in read.value)) return undefined;
  const { json } = read.value;
  const found = outcomeOf(() => fingerprint("id", RECIPE, { json }));
  if (isCarried(json)) {
    assert.ok("value" in found, text);
    return { json, digest: Buffer.from(found.value).toString("hex") };
  }
  assert.deepEqual(found, { code: "payload-ambiguous" });
  return { json };
}

const canonical: Target = jsonTarget<Pair>({
  name: "fingerprint",
  make: pairOf,
  check({ one, other, isRespelled }) {
    const [first, second] = [digestOf(one), digestOf(other)];
    if (isRespelled) assert.ok(first && second && isSame(first.json, second.json));
    if (first?.digest === undefined || second?.digest === undefined) return;
    assert.equal(first.digest === second.digest, isSame(first.json, second.json));
  },
});

const recipe: Target = textTarget({
  name: "recipe",
  make: (chance) =>
    mutated(
      chance,
      encodeRecipe({ ...RECIPE, ...(chance.hit(0.5) ? { fields: ["a", "b.c"] } : {}) }),
    ),
  check(text) {
    const found = decodeRecipe(text);
    if (found === undefined) return;
    assert.ok(isSame(JSON.parse(encodeRecipe(found)), (JSON.parse(text) as unknown[]).slice(0, 3)));
    assert.equal(fingerprint("id", found, { json: { a: 1 } }).length, 32);
  },
});

const PREFERENCES = [
  "respond-async",
  "wait=10",
  "respond-async, wait=5",
  "wait=0,wait=7",
  "WAIT=9999",
];
const LENGTH_READ = 500;

const prefer: Target = textTarget({
  name: "prefer",
  make: (chance) =>
    mutated(chance, chance.pick(PREFERENCES), ["respond-async", "wait=", ",", ", ", "wait=99999"]),
  async check(header) {
    const asked: (number | undefined)[] = [];
    const door = {
      ports: { clock: { sleep: () => new Promise(() => undefined) } },
      perform: (call: { readonly waitMs?: number }) => {
        asked.push(call.waitMs);
        return Promise.resolve({ kind: "refused", code: "in-progress" });
      },
    } as unknown as Door;
    const headers = new Map([
      ["idempotency-key", "k"],
      ["prefer", header],
    ]);
    const exchange = {
      ...{ method: "POST", url: "/", scope: "s", body: undefined },
      header: (name: string) => headers.get(name),
    };
    const reply = await handle(door, exchange, { headers: new Set(), link: undefined });
    const parts = header.slice(0, LENGTH_READ).split(",");
    const words = parts.map((part) => part.trim().toLowerCase());
    const wait = words.find((word) => /^wait=[0-9]{1,4}$/.test(word));
    const waitMs = wait && Math.min(30_000, Number.parseInt(wait.slice(5), 10) * 1_000);
    assert.deepEqual(asked, [waitMs]);
    assert.equal(reply.status, words.some((word) => word === "respond-async") ? 202 : 409);
  },
});

export const HTTP_TARGETS: readonly Target[] = [key, body, canonical, recipe, prefer];
