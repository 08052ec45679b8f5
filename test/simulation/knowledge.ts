import { hash } from "node:crypto";

/** One thing more that somebody was given. It is digested when it is first asked for. */
export interface Knowledge {
  readonly before: Knowledge | undefined;
  readonly now: number;
  readonly what: unknown;
  digest: string | undefined;
}

export function learn(before: Knowledge | undefined, now: number, what: unknown): Knowledge {
  return { before, now, what, digest: undefined };
}

/** A digest of all that was given, in its order. */
export function digestOfAll(knowledge: Knowledge | undefined): string {
  if (knowledge === undefined) return "nothing";
  const { before, now, what } = knowledge;
  knowledge.digest ??= digestOf([digestOfAll(before), now, what]);
  return knowledge.digest;
}

/** Text, because the bytes of a number depend on how the engine happens to hold it. */
export function digestOf(what: unknown): string {
  return hash("sha1", JSON.stringify(what, plain), "base64");
}

function plain(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}
