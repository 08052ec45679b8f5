import { lineCount, lineOf, place, type Source } from "./source.ts";

const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 100;

export function longFiles(sources: readonly Source[]): string[] {
  return sources
    .map((source) => ({ path: source.path, lines: lineCount(source.text) }))
    .filter(({ lines }) => lines > FILE_LINES_MAX)
    .map(({ path, lines }) => `${path} has ${lines} lines`);
}

export function longFunctions(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.nodes
      .filter((node) => /^(?:Function|ArrowFunction)/.test(node.type))
      .map((node) => ({
        node,
        lines: lineOf(source, node.end) - lineOf(source, node.start) + 1,
      }))
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
      .map(({ node, lines }) => place(source, node.start, `begins a function of ${lines} lines`)),
  );
}

/** Lines beyond the limit, but for those that nobody can break without changing what they say. */
export function longLines(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.text.split("\n").flatMap((line, index) => {
      if (line.length <= COLUMNS_MAX) return [];
      const start = source.lineStarts[index] ?? 0;
      if (isUrlComment(line) || isTestTitle(line)) return [];
      if (isOneLiteral(source, start, start + line.length)) return [];
      return [place(source, start, `has ${line.length} columns`)];
    }),
  );
}

function isUrlComment(line: string): boolean {
  return /^\s*(?:\/\/|\/?\*)/.test(line) && /https?:\/\/\S{40,}/.test(line);
}

/** The name of a test is a sentence, and the formatter keeps it beside its function. */
function isTestTitle(line: string): boolean {
  return /^\s*test\((?:"(?:[^"\\]|\\.)*"|`[^`]*`), (?:async )?\(\w*\) => \{$/.test(line);
}

/** True if the line is one string, template or expression literal, with punctuation round it. */
function isOneLiteral(source: Source, start: number, end: number): boolean {
  return source.nodes.some((node) => {
    if (node.type !== "Literal" && node.type !== "TemplateLiteral") return false;
    if (node.start >= end || node.end <= start) return false;
    const before = source.text.slice(start, Math.max(start, node.start));
    const after = source.text.slice(Math.min(end, node.end), end);
    return /^[\s({[+]*$/.test(before) && /^[\s)}\],;+]*$/.test(after);
  });
}

/** The middle of the files' line counts. */
export function medianLines(sources: readonly Source[]): number {
  const counts = sources.map(({ text }) => lineCount(text)).sort((a, b) => a - b);
  const middle = counts.length >> 1;
  const upper = counts[middle] ?? 0;
  return counts.length % 2 === 1 ? upper : ((counts[middle - 1] ?? 0) + upper) / 2;
}

const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|mjs|html|css|svg|js|sql|md|json)$/;
const FOLDER = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const NOUNLESS: ReadonlySet<string> = new Set([
  "types",
  "util",
  "utils",
  "common",
  "helper",
  "helpers",
  "misc",
]);

export function badPaths(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const parts = path.split("/");
    const file = parts.at(-1) ?? "";
    // What must not compile is about types, and nothing else is.
    const named = path.startsWith("test/types/") ? parts.slice(2) : parts;
    const stems = [...named.slice(0, -1), file.split(".")[0] ?? ""];
    const nounless = stems.find((stem) => NOUNLESS.has(stem));
    if (nounless !== undefined) return [`${path} is named ${nounless}, which is no noun of ours`];
    const kebab = NAME.test(file) && parts.slice(0, -1).every((part) => FOLDER.test(part));
    return kebab ? [] : [`${path} is not in kebab-case`];
  });
}
