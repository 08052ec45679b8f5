import type { Node } from "oxc-parser";
import { imports, place, type Source } from "./source.ts";

/** Where time and chance are read, and handed out from. */
const SOURCES_OF_CHANCE: ReadonlySet<string> = new Set([
  "src/model/clock.ts",
  "src/model/random.ts",
]);

const TIME_MEMBERS: ReadonlySet<string> = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "performance.timeOrigin",
  "process.hrtime",
  "process.uptime",
  "AbortSignal.timeout",
  "crypto.randomUUID",
  "crypto.getRandomValues",
]);

const TIMERS: ReadonlySet<string> = new Set(["setTimeout", "setInterval", "setImmediate"]);

const CHANCE: ReadonlySet<string> = new Set([
  "randomBytes",
  "randomInt",
  "randomUUID",
  "randomFill",
  "randomFillSync",
  "getRandomValues",
]);

const TIME_MODULES: ReadonlySet<string> = new Set([
  "node:timers",
  "node:timers/promises",
  "node:perf_hooks",
]);

/** `object.property` as text for a plain member expression. */
function memberName(node: Node): string | undefined {
  if (node.type !== "MemberExpression" || node.object.type !== "Identifier") return undefined;
  if (node.property.type === "Identifier" && !node.computed)
    return `${node.object.name}.${node.property.name}`;
  return node.property.type === "Literal"
    ? `${node.object.name}.${node.property.value}`
    : undefined;
}

export function timeAndChance(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !SOURCES_OF_CHANCE.has(path))
    .flatMap((source) => [
      ...imports(source)
        .filter(({ specifier }) => TIME_MODULES.has(specifier))
        .map(({ specifier, start }) => place(source, start, `imports ${specifier}`)),
      ...source.nodes.flatMap((node) => {
        const what = readsTime(node, source.parents.get(node));
        return what === undefined ? [] : [place(source, node.start, `uses ${what}`)];
      }),
    ]);
}

function readsTime(node: Node, parent: Node | undefined): string | undefined {
  if (node.type === "NewExpression" || node.type === "CallExpression") {
    const isDate = node.callee.type === "Identifier" && node.callee.name === "Date";
    return isDate ? "Date(" : undefined;
  }
  if (node.type === "Identifier") {
    const banned = CHANCE.has(node.name) || (TIMERS.has(node.name) && !isMethod(node, parent));
    return banned ? node.name : undefined;
  }
  const member = memberName(node);
  return member !== undefined && TIME_MEMBERS.has(member) ? member : undefined;
}

/** A socket's or a server's own `setTimeout` is no timer of ours; the global object's is. */
function isMethod(node: Node, parent: Node | undefined): boolean {
  if (parent?.type !== "MemberExpression" || parent.property !== node || parent.computed)
    return false;
  return !(parent.object.type === "Identifier" && parent.object.name === "globalThis");
}

/** The console and the environment belong to the program, which only cli is. */
export function consoleAndEnvironment(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !path.startsWith("src/cli/"))
    .flatMap((source) =>
      source.nodes.flatMap((node) => {
        const member = memberName(node);
        const banned = member === "process.env" || member?.startsWith("console.") === true;
        return banned ? [place(source, node.start, `uses ${member}`)] : [];
      }),
    );
}

export function banishedSyntax(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => [
    ...source.nodes.flatMap((node) => {
      if (node.type === "TSAnyKeyword") return [place(source, node.start, "says any")];
      if (node.type === "TSEnumDeclaration") return [place(source, node.start, "is an enum")];
      return [];
    }),
    ...source.exports
      .filter(({ name }) => name === "default")
      .map(({ start }) => place(source, start, "is a default export")),
  ]);
}

/** A module that awaits at its top cannot be loaded by `require`. */
export function topLevelAwaits(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.nodes
      .filter((node) => node.type === "AwaitExpression" && !insideFunction(source, node))
      .map((node) => place(source, node.start, "awaits at the top level")),
  );
}

function insideFunction(source: Source, node: Node): boolean {
  for (let at = source.parents.get(node); at !== undefined; at = source.parents.get(at))
    if (/^(?:Function|ArrowFunction)/.test(at.type)) return true;
  return false;
}

const LEFT_OVER = /\b(?:TODO|FIXME|XXX)\b/;

export function leftOvers(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.comments
      .filter(({ value }) => LEFT_OVER.test(value))
      .map(({ start }) => place(source, start, "leaves work for later")),
  );
}

const SILENCED = /(?:biome-ignore(?:-all|-start)?|@ts-expect-error|eslint-disable\S*)\b(.*)/;
const NEVER_SILENCED = /@ts-(?:ignore|nocheck)\b/;
const REASON_WORDS_MIN = 3;

/** Rules that are switched off without a sentence that says why. */
export function silencedWithoutReason(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.comments.flatMap(({ value, start }) => {
      if (NEVER_SILENCED.test(value)) return [place(source, start, "silences the compiler")];
      const rest = SILENCED.exec(value)?.[1];
      if (rest === undefined) return [];
      // Biome's rule name comes first, up to the colon; the compiler's mark has none.
      const reason = rest.includes(":") ? rest.slice(rest.indexOf(":") + 1) : rest;
      const words = reason.split(/\s+/).filter((word) => /^[A-Za-z]/.test(word));
      return words.length >= REASON_WORDS_MIN ? [] : [place(source, start, "gives no reason")];
    }),
  );
}
