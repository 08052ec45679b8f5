import type { Chance } from "../simulation/chance.ts";
import { oddText } from "./mutation.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonMembers;
/** A list, as members of an object have an order in their text. */
export interface JsonMembers {
  readonly members: readonly (readonly [name: string, value: Json])[];
}

const NUMBERS = [0, -0, 1, -1, 0.1, 1.5, 100, 1e21, 1e-7, 5e-324, 2 ** 53 - 1, 2 ** 53, 1e300];
const NAMES = [
  "a",
  "b",
  "aa",
  "id",
  "1",
  "10",
  "2",
  "",
  "__proto__",
  "constructor",
  "é",
  "\u{1f600}",
];

/** A value of JSON whose objects have each name once. */
export function jsonValue(chance: Chance, depth = 3): Json {
  const kind = chance.below(depth > 0 ? 7 : 5);
  if (kind === 0) return chance.pick([null, true, false]);
  if (kind === 1) return chance.pick(NUMBERS);
  if (kind === 2) return chance.below(1_000_000) - 500_000;
  if (kind < 5) return chance.hit(0.5) ? chance.pick(NAMES) : oddText(chance, 6);
  const count = chance.below(chance.hit(0.05) ? 30 : 5);
  if (kind === 5) return Array.from({ length: count }, () => jsonValue(chance, depth - 1));
  const members = new Map<string, Json>();
  for (let left = count; left > 0; left -= 1)
    members.set(
      chance.hit(0.7) ? chance.pick(NAMES) : plainName(oddText(chance, 3)),
      jsonValue(chance, depth - 1),
    );
  return { members: [...members] };
}

/**
 * A name that needs no escape. The engine takes an escaped name for another one that it has read
 * before, if that one begins as the escape does.
 *
 * @see https://github.com/nodejs/node/issues/63785
 */
function plainName(text: string): string {
  return text.toWellFormed().replaceAll(/\p{Cc}|["\\]/gu, "");
}

/** One of the many texts of a value: in any order, with any spaces, in any spelling. */
export function jsonText(chance: Chance, value: Json): string {
  const space = (): string => (chance.hit(0.1) ? chance.pick([" ", "\n", "\t", "\r", "  "]) : "");
  if (typeof value === "string") return stringText(chance, value);
  if (typeof value === "number") return numberText(chance, value);
  if (value === null || typeof value === "boolean") return String(value);
  if ("members" in value) {
    const texts = shuffled(chance, value.members).map(
      ([name, member]) => `${space()}"${name}"${space()}:${space()}${jsonText(chance, member)}`,
    );
    return `{${texts.join(`${space()},`)}${space()}}`;
  }
  return `[${value.map((item) => space() + jsonText(chance, item)).join(`${space()},`)}${space()}]`;
}

function stringText(chance: Chance, text: string): string {
  let spelled = "";
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charAt(index);
    const code = text.charCodeAt(index);
    const mustEscape = code < 0x20 || unit === '"' || unit === "\\" || (code & 0xf800) === 0xd800;
    if (!mustEscape && !chance.hit(0.1)) spelled += unit;
    else if (unit === "/" && chance.hit(0.5)) spelled += "\\/";
    else spelled += escaped(chance, code);
  }
  return `"${spelled}"`;
}

function escaped(chance: Chance, code: number): string {
  const digits = code.toString(16).padStart(4, "0");
  return `\\u${chance.hit(0.5) ? digits : digits.toUpperCase()}`;
}

function numberText(chance: Chance, value: number): string {
  // JSON.stringify calls both zeros by one name, as the payload does.
  const plain = JSON.stringify(value);
  const spellings = [plain, value.toExponential(), value.toExponential().replace("e", "E")];
  if (/^-?\d+$/.test(plain)) spellings.push(`${plain}.0`, `${plain}.000`, `${plain}e0`);
  return chance.pick(spellings);
}

function shuffled<T>(chance: Chance, items: readonly T[]): T[] {
  const found = [...items];
  for (let index = found.length - 1; index > 0; index -= 1) {
    const other = chance.below(index + 1);
    [found[index], found[other]] = [found[other] as T, found[index] as T];
  }
  return found;
}

/** Another value: somewhere in it one thing differs. */
export function otherValue(chance: Chance, value: Json): Json {
  if (typeof value === "number") return chance.pick([value + 1.5, String(value), [value]]);
  if (typeof value === "string") return chance.pick([`${value} `, `x${value}`, [value], null]);
  if (value === null || typeof value === "boolean") return chance.pick([!value, String(value), 2]);
  if ("members" in value) {
    const { members } = value;
    const at = chance.below(members.length);
    const [name, member] = members[at] ?? [];
    if (name === undefined || member === undefined || chance.hit(0.3))
      return { members: [...members, [`${members.map(([one]) => one).join("")}+`, null]] };
    const rest = members.filter((_, index) => index !== at);
    if (chance.hit(0.2)) return { members: rest };
    return { members: [...rest, [name, otherValue(chance, member)]] };
  }
  const at = chance.below(value.length);
  const item = value[at];
  if (item === undefined || chance.hit(0.3)) return [...value, null];
  return value.map((one, index) => (index === at ? otherValue(chance, item) : one));
}

/** A text of JSON with one of its members in another type, gone, or twice; any other as it is. */
export function retyped(chance: Chance, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const places = placesOf(value);
  if (places.length === 0) return text;
  const [owner, name] = chance.pick(places);
  const member = owner[name];
  const others = [
    ...[String(member), Number(member), null, [member], { a: member }, "", true, {}, undefined],
    typeof member === "string" ? member.toUpperCase() : JSON.stringify(member),
  ];
  const other = others[chance.below(others.length)];
  if (chance.hit(0.9)) {
    owner[name] = other;
    return JSON.stringify(value);
  }
  // The last of two is what counts.
  const once = JSON.stringify({ [name]: member }).slice(1, -1);
  const twice = `${JSON.stringify({ [name]: other ?? 0 }).slice(1, -1)},${once}`;
  return JSON.stringify(value).replace(once, () => twice);
}

function placesOf(value: unknown): [owner: Record<string, unknown>, name: string][] {
  if (typeof value !== "object" || value === null) return [];
  const owner = value as Record<string, unknown>;
  return Object.keys(owner).flatMap((name) => [[owner, name], ...placesOf(owner[name])]);
}

/** Whether two parsed values mean the same; it compares them itself, in its own way. */
export function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null)
    return one === other;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every(
    (name) =>
      Object.hasOwn(other, name) &&
      isSame((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]),
  );
}

/** Whether a parsed value has one meaning and one text, judged from the outside. */
export function isCarried(value: unknown, depth = 0): boolean {
  if (depth > 64) return false;
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number")
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(
    ([name, member]) => name.isWellFormed() && isCarried(member, depth + 1),
  );
}
