import type { IncomingMessage } from "node:http";

const BODY_MAX = 64 * 1024;
/** Deeper names than any provider has. */
const NESTING_MAX = 8;

export type Body =
  | { readonly value: unknown }
  | { readonly refusal: "body-malformed" | "body-too-large" };

/**
 * The body as a form or as JSON, by its content type; `{}` for an empty one. An object counts as
 * JSON whatever its type says, because `curl -d` calls everything a form.
 */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // What comes after the limit is read and dropped, so that the client can read the refusal.
    if (length <= BODY_MAX) chunks.push(chunk);
  }
  if (length > BODY_MAX) return { refusal: "body-too-large" };
  const text = Buffer.concat(chunks).toString("utf8");
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/x-www-form-urlencoded") && !text.startsWith("{"))
    return { value: readForm(text) };
  if (text === "") return { value: {} };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { refusal: "body-malformed" };
  }
}

type Branch = Map<string, Branch | string>;

/**
 * The members of a form or a query, nested as their names say: `a[b]=1`, `a[0]=1` and `a[]=1`.
 * Names that contradict one another keep what came last.
 */
export function readForm(text: string): Record<string, unknown> {
  const root: Branch = new Map();
  for (const [name, value] of new URLSearchParams(text)) plant(root, pathOf(name), value);
  return Object.fromEntries(Array.from(root, ([name, value]) => [name, grown(value)]));
}

/** The parts of `a[b][c]`. A name without such parts, or with too many, is one part. */
function pathOf(name: string): readonly string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])+)$/.exec(name);
  if (match === null) return [name];
  const parts = [match[1] ?? "", ...(match[2] ?? "").slice(1, -1).split("][")];
  return parts.length > NESTING_MAX ? [name] : parts;
}

function plant(branch: Branch, [first = "", ...rest]: readonly string[], value: string): void {
  const name = first === "" ? String(branch.size) : first;
  if (rest.length === 0) {
    branch.set(name, value);
    return;
  }
  const standing = branch.get(name);
  const inner: Branch = standing instanceof Map ? standing : new Map();
  branch.set(name, inner);
  plant(inner, rest, value);
}

/** A branch of numbers is an array, any other an object. */
function grown(value: Branch | string): unknown {
  if (typeof value === "string") return value;
  const entries = Array.from(value, ([name, inner]) => [name, grown(inner)] as const);
  return entries.every(([name]) => /^\d+$/.test(name))
    ? entries.toSorted(([one], [other]) => Number(one) - Number(other)).map(([, inner]) => inner)
    : Object.fromEntries(entries);
}
