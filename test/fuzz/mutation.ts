import type { Chance } from "../simulation/chance.ts";

/** Characters that mean something to one reader or another, and some that only look so. */
const MARKS = [
  ..."\"\\,;:=&%+-_./|?#<>[]{}()'!*~^@$`",
  ...["\0", "\t", "\n", "\r", " ", "\u007f", "\u0085", "\u00a0", "\u00ff", "\u0130", "\u2028"],
  ...["\u200b", "\u202e", "\ufeff", "\ufffd", "\ud83d", "\udc00", "\u{1f600}", "\u{e0041}"],
  ...["0", "1", "9", "a", "A", "e", "f", "z", "Z"],
];

/** Words that have broken readers before. */
const WORDS = [
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "null", "undefined", "true"],
  ...["NaN", "-0", "0x10", "1e400", "1e-400", "9007199254740993", "0.1", "1.0", "\\u0061"],
  ...["\\ud800", "%00", "%ff", "%E2%82", "&amp;", "&#0;", "&#x110000;", "&constructor;"],
  ...["[]", "{}", '{"":0}', "[[[[[[[[[[", "..", "=a", "\r\n", "\ufeff", "\u0000"],
];

/** A text with one to four changes; `more` are words of the reader's own language. */
export function mutated(chance: Chance, text: string, more: readonly string[] = []): string {
  let found = text;
  for (let left = 1 + chance.below(4); left > 0; left -= 1) found = changed(chance, found, more);
  return found;
}

function changed(chance: Chance, text: string, more: readonly string[]): string {
  const at = chance.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + chance.below(chance.hit(0.7) ? 3 : text.length + 1));
  const [before, within, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  switch (chance.below(9)) {
    case 0:
      return before + after;
    case 1:
      return before + chance.pick(MARKS) + text.slice(at);
    case 2:
      return before + chance.pick(MARKS) + text.slice(at + 1);
    case 3:
      return before + chance.pick(more.length > 0 && chance.hit(0.7) ? more : WORDS) + after;
    case 4:
      return before + within + within + after;
    case 5:
      return before + flipped(chance, within) + after;
    case 6:
      return before + (chance.hit(0.5) ? within.toUpperCase() : within.toLowerCase()) + after;
    case 7:
      return before + repeated(chance, within === "" ? " " : within) + after;
    default:
      return moved(chance, before + after, within);
  }
}

function flipped(chance: Chance, text: string): string {
  const code = (text.charCodeAt(0) || 0) ^ (1 << chance.below(7));
  return String.fromCharCode(code) + text.slice(1);
}

/** Long inputs are rare, as they cost the time of many short ones. */
function repeated(chance: Chance, text: string): string {
  const length = chance.hit(0.002) ? 64_000 : chance.hit(0.01) ? 16_000 : 100;
  return text.repeat(1 + chance.below(Math.ceil(length / text.length)));
}

function moved(chance: Chance, text: string, part: string): string {
  const at = chance.below(text.length + 1);
  return text.slice(0, at) + part + text.slice(at);
}

/** Bytes with one to four changes. */
export function mutatedBytes(chance: Chance, bytes: Uint8Array): Uint8Array {
  let found = Buffer.from(bytes);
  for (let left = 1 + chance.below(4); left > 0; left -= 1) {
    const at = chance.below(found.length + 1);
    const end = at + 1 + chance.below(chance.hit(0.8) ? 2 : found.length + 1);
    const [before, after] = [found.subarray(0, at), found.subarray(end)];
    switch (chance.below(5)) {
      case 0:
        found = Buffer.concat([before, after]);
        break;
      case 1:
        found = Buffer.concat([before, chance.bytes(1 + chance.below(4)), found.subarray(at)]);
        break;
      case 2:
        found = Buffer.concat([before, Buffer.from(chance.pick(WORDS)), after]);
        break;
      case 3:
        found = Buffer.concat([found.subarray(0, end), found.subarray(at)]);
        break;
      default:
        found = Buffer.from(found);
        if (at < found.length) found[at] = (found[at] ?? 0) ^ (1 << chance.below(8));
    }
  }
  return found;
}

/** A short text of characters that mean something, and of others. */
export function oddText(chance: Chance, lengthMax = 12): string {
  let text = "";
  for (let left = chance.below(lengthMax + 1); left > 0; left -= 1)
    text += chance.hit(0.05) ? chance.pick(WORDS) : chance.pick(MARKS);
  return text;
}
