const BACKSLASH = 0x5c;
const SPACE = 0x20;
const COLON = 0x3a;

/**
 * Whether an object of a JSON text names a member twice, of which parsers keep one or the other.
 *
 * @param value what `JSON.parse` has made of the text, which is not judged again here
 */
export function hasRepeatedMember(text: string, value: unknown): boolean {
  const kept = countKept(value);
  // Each name has a colon behind it, so that most texts need no look at what a string is.
  return countColons(text) !== kept && countNamed(text) !== kept;
}

/** Without recursion, because a text may be nested deeper than the stack. */
function countKept(value: unknown): number {
  let count = 0;
  const open: object[] = isObject(value) ? [value] : [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) {
      for (const item of next) if (isObject(item)) open.push(item);
      continue;
    }
    for (const name of Object.keys(next)) {
      count += 1;
      const member = (next as Readonly<Record<string, unknown>>)[name];
      if (isObject(member)) open.push(member);
    }
  }
  return count;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at !== -1; at = text.indexOf(":", at + 1)) count += 1;
  return count;
}

/** The strings that have a colon behind them. */
function countNamed(text: string): number {
  let count = 0;
  for (let open = text.indexOf('"'); open !== -1; ) {
    let next = endOfString(text, open) + 1;
    while (text.charCodeAt(next) <= SPACE) next += 1;
    if (text.charCodeAt(next) === COLON) count += 1;
    open = text.indexOf('"', next);
  }
  return count;
}

function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close;
}

/** Each run of backslashes is looked at once, from the quote behind it. */
function isEscaped(text: string, quote: number): boolean {
  let start = quote;
  while (text.charCodeAt(start - 1) === BACKSLASH) start -= 1;
  return (quote - start) % 2 === 1;
}
