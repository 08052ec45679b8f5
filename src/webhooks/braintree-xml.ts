import { NevertwiceError } from "../model/errors.ts";

/** An element as JSON: its text, its members by name, or a list. */
export type XmlValue = string | null | readonly XmlValue[] | { readonly [name: string]: XmlValue };

interface Element {
  readonly name: string;
  readonly attributes: string;
  readonly children: (readonly [name: string, value: XmlValue])[];
  text: string;
}

const TAG = /<(\/?)([A-Za-z][\w-]*)((?:\s+[A-Za-z][\w-]*=(?:"[^"<>]*"|'[^'<>]*'))*)\s*(\/?)>/y;
const LIST = /\stype=["'](?:array|collection)["']/;
const NIL = /\snil=["']true["']/;
const DEPTH_MAX = 64;

/**
 * The XML that Braintree sends, and no more of the language: without comments, declarations of
 * types, or entities of its own, and therefore with one reading only.
 *
 * @throws webhook-malformed
 */
export function readXml(text: string): XmlValue {
  const root: Element = { name: "", attributes: "", children: [], text: "" };
  const open: Element[] = [root];
  let at = /^\s*<\?xml [^<>?]*\?>/.exec(text)?.[0].length ?? 0;
  while (at < text.length) {
    const top = open.at(-1) ?? root;
    const next = text.indexOf("<", at);
    const end = next < 0 ? text.length : next;
    top.text += text.slice(at, end);
    if (next < 0) break;
    TAG.lastIndex = next;
    const tag = TAG.exec(text);
    if (tag === null || open.length > DEPTH_MAX) throw malformed();
    at = TAG.lastIndex;
    const [, slash, name = "", attributes = "", closed] = tag;
    if (slash !== "") close(open, name);
    else open.push({ name, attributes, children: [], text: "" });
    if (slash === "" && closed !== "") close(open, name);
  }
  if (open.length !== 1 || root.children.length !== 1 || root.text.trim() !== "") throw malformed();
  return Object.fromEntries(root.children);
}

function close(open: Element[], name: string): void {
  const element = open.pop();
  const parent = open.at(-1);
  if (element?.name !== name || parent === undefined) throw malformed();
  parent.children.push([name, jsonOf(element)]);
}

function jsonOf({ attributes, children, text }: Element): XmlValue {
  const isList = LIST.test(attributes);
  const isNil = NIL.test(attributes);
  if (children.length === 0 && !isList && !isNil) return plain(text);
  if (text.trim() !== "") throw malformed();
  if (isList) return children.map(([, value]) => value);
  if (children.length === 0) return null;
  const members = new Map<string, XmlValue[]>();
  for (const [name, value] of children) {
    const values = members.get(name);
    if (values === undefined) members.set(name, [value]);
    else values.push(value);
  }
  // Several of one name are a list, so that none of them hides another.
  const entries = [...members].map(([name, values]) => {
    const [only = null] = values;
    return [name, values.length === 1 ? only : values] as const;
  });
  return Object.fromEntries(entries);
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

function plain(text: string): string {
  return text.replace(/&([^;]*);?/g, (_, name: string) => {
    const code = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    if (code === null) return ENTITIES.get(name) ?? refuse();
    const point = code[1] === undefined ? Number(code[2]) : Number.parseInt(code[1], 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : refuse();
  });
}

function refuse(): never {
  throw malformed();
}

function malformed(): NevertwiceError {
  return new NevertwiceError("webhook-malformed", "The payload is not Braintree's XML.");
}
