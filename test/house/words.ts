import type { Node } from "oxc-parser";
import { place, type Source } from "./source.ts";

/** One word, one meaning: the word that is not ours, and ours. */
const NOT_OURS: Readonly<Record<string, string>> = {
  job: "operation",
  task: "operation",
  token: "key or fence",
  tenant: "scope",
  hash: "fingerprint or digest",
  checksum: "fingerprint or digest",
  lock: "claim",
  acquire: "claim",
  mutex: "claim",
  ttl: "lease or retention",
  phase: "step",
  activity: "step",
  checkpoint: "recovery point",
  cache: "replay",
  stuck: "in doubt",
  sync: "reconcile",
  repair: "reconcile",
  rescue: "recover",
  queue: "inbox or outbox",
  publish: "relay",
  dispatch: "relay",
  reap: "prune",
  purge: "prune",
  gc: "prune",
  verify: "checkSignature",
};

/** Names that may keep a word that is not ours, with the reason; gone names go from here. */
export const ALLOWED: Readonly<Record<string, string>> = {
  lockKey: "the number of Postgres's own advisory lock, by the name that its manual has for it",
};

/** The tool that proves from outside is called verify, so its own rooms may say so. */
function mayVerify(path: string): boolean {
  return path.startsWith("src/verify/") || path.startsWith("src/cli/") || path === "src/index.ts";
}

/** The lower-case words of a camelCase, snake_case or kebab-case name. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase())
    .filter((word) => word !== "");
}

/** Our word for the first word of the name that is not ours. */
function mended(name: string, path: string): string | undefined {
  for (const word of wordsOf(name)) {
    const stem = [word, word.replace(/e?s$/, ""), word.replace(/(?:e?d|ing)$/, "")];
    const hit = [...stem, ...stem.map((part) => `${part}e`)].find((part) =>
      Object.hasOwn(NOT_OURS, part),
    );
    if (hit !== undefined && !(hit === "verify" && mayVerify(path)))
      return `says ${hit}; our word is ${NOT_OURS[hit]}`;
  }
  return undefined;
}

interface Named {
  readonly source: Source;
  readonly name: string;
  readonly start: number;
}

/** Exported names, the members of the contract and the core, and the names in SQL. */
function names(source: Source): Named[] {
  const members = /^src\/(?:model\/|core\/|store\.ts)/.test(source.path)
    ? source.nodes.flatMap((node) => memberKey(node))
    : [];
  return [...source.exports, ...members, ...sqlNames(source)].map((named) => ({
    ...named,
    source,
  }));
}

function memberKey(node: Node): { name: string; start: number }[] {
  if (node.type !== "TSPropertySignature" && node.type !== "TSMethodSignature") return [];
  return node.key.type === "Identifier" ? [{ name: node.key.name, start: node.start }] : [];
}

export function foreignWords(
  sources: readonly Source[],
  allowed: Readonly<Record<string, string>>,
): string[] {
  const all = sources.flatMap(names);
  const idle = Object.keys(allowed)
    .filter((name) => !all.some((named) => named.name === name))
    .map((name) => `the allow list names ${name}, which is gone`);
  const found = all.flatMap(({ source, name, start }) => {
    const what = Object.hasOwn(allowed, name) ? undefined : mended(name, source.path);
    return what === undefined ? [] : [place(source, start, `${name} ${what}`)];
  });
  return [...idle, ...found];
}

const CREATED =
  /\b(?:create|alter)\s+(?:or\s+replace\s+|unique\s+|temp\s+)*(?:table|index|view|trigger|function|type|sequence|schema)\s+(?:if\s+(?:not\s+)?exists\s+)?"?([\w.]+)/gi;
const ADDED = /\badd\s+column\s+(?:if\s+not\s+exists\s+)?"?(\w+)/gi;
const TABLE = /\bcreate\s+table\s+[^(]*\(/gi;
const CONSTRAINTS = /^(?:primary|unique|check|foreign|constraint|exclude|like)$/i;

/** Names of tables, columns and other things that SQL in a file's strings creates. */
function sqlNames(source: Source): { name: string; start: number }[] {
  return source.nodes.flatMap((node) => {
    const noun = prefixedNoun(node);
    if (noun !== undefined) return [{ name: noun, start: node.start }];
    const text = sqlText(source, node);
    if (text === undefined) return [];
    const created = [...text.matchAll(CREATED), ...text.matchAll(ADDED)].map((match) => match[1]);
    const columns = [...text.matchAll(TABLE)].flatMap((match) =>
      columnNames(text.slice(match.index + match[0].length)),
    );
    return [...created, ...columns]
      .filter((name) => name !== undefined)
      .map((name) => ({ name, start: node.start }));
  });
}

/** The noun that `of("noun")` or `names.of("noun")` puts behind the prefix of our tables. */
function prefixedNoun(node: Node): string | undefined {
  if (node.type !== "CallExpression") return undefined;
  const { callee } = node;
  const called = callee.type === "MemberExpression" ? callee.property : callee;
  const [noun] = node.arguments;
  const isOf = called.type === "Identifier" && called.name === "of" && noun?.type === "Literal";
  return isOf && typeof noun.value === "string" ? noun.value : undefined;
}

/** The text of a string or template, with a plain name for each part that is put in. */
function sqlText(source: Source, node: Node): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type !== "TemplateLiteral") return undefined;
  return source.text.slice(node.start + 1, node.end - 1).replace(/\$\{[^{}]*\}/g, "p_");
}

/** The first word of each part between commas, up to the closing parenthesis. */
function columnNames(body: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of body.replace(/--.*$/gm, "")) {
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    if (depth < 0) break;
    if (letter === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts
    .map((part) => /^\s*"?(\w+)/.exec(part)?.[1] ?? "")
    .filter((name) => name !== "" && !CONSTRAINTS.test(name));
}
