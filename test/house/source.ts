import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { type Comment, type Node, parseSync, visitorKeys } from "oxc-parser";

export const ROOT: string = join(import.meta.dirname, "..", "..");

/** One parsed file of the project. `path` is relative to the root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly nodes: readonly Node[];
  readonly parents: ReadonlyMap<Node, Node>;
  readonly comments: readonly Comment[];
  readonly lineStarts: readonly number[];
  /** Names under which the file exports things; `export *` adds none. */
  readonly exports: readonly Exported[];
}

export interface Exported {
  readonly name: string;
  readonly start: number;
}

export interface Import {
  readonly specifier: string;
  readonly start: number;
  /** True if type stripping removes the whole import. */
  readonly erased: boolean;
}

export function parse(path: string, text: string): Source {
  const result = parseSync(path, text);
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${path} cannot be parsed: ${error.message}`);
  const nodes: Node[] = [];
  const parents = new Map<Node, Node>();
  collect(result.program, nodes, parents);
  const lineStarts = [0];
  for (const match of text.matchAll(/\n/g)) lineStarts.push(match.index + 1);
  const exports = result.module.staticExports
    .flatMap((statement) => statement.entries)
    .filter((entry) => entry.exportName.kind !== "None")
    .map((entry) => ({
      name: entry.exportName.kind === "Default" ? "default" : (entry.exportName.name ?? ""),
      start: entry.start,
    }));
  return { path, text, nodes, parents, comments: result.comments, lineStarts, exports };
}

function collect(node: Node, nodes: Node[], parents: Map<Node, Node>): void {
  nodes.push(node);
  for (const key of visitorKeys[node.type] ?? []) {
    const value: unknown = Reflect.get(node, key);
    for (const child of Array.isArray(value) ? value : [value]) {
      if (!isNode(child)) continue;
      parents.set(child, node);
      collect(child, nodes, parents);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

/** The line of an offset, from 1. */
export function lineOf(source: Source, offset: number): number {
  let low = 0;
  let high = source.lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((source.lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** A place as an editor opens it, with what is wrong there. */
export function place(source: Source, offset: number, what: string): string {
  return `${source.path}:${lineOf(source, offset)} ${what}`;
}

/** How many lines a text has; the last newline ends a line and begins none. */
export function lineCount(text: string): number {
  return text === "" ? 0 : text.replace(/\n$/, "").split("\n").length;
}

/** Every import of a file: statements, re-exports, `import()` and types. */
export function imports(source: Source): Import[] {
  return source.nodes.flatMap((node) => {
    switch (node.type) {
      case "ImportDeclaration":
        return { ...from(node.source), erased: node.importKind === "type" };
      case "ExportNamedDeclaration":
      case "ExportAllDeclaration":
        return node.source === null
          ? []
          : { ...from(node.source), erased: node.exportKind === "type" };
      case "TSImportType":
        return { ...from(node.source), erased: true };
      case "ImportExpression":
        return node.source.type === "Literal" && typeof node.source.value === "string"
          ? { specifier: node.source.value, start: node.start, erased: false }
          : [];
      default:
        return [];
    }
  });
}

function from(literal: { value: string; start: number }): { specifier: string; start: number } {
  return { specifier: literal.value, start: literal.start };
}

/** The path that a relative import means, or undefined for a package. */
export function target(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return posix.normalize(posix.join(posix.dirname(source.path), specifier));
}

/** Every TypeScript file under the folders, parsed. Folders that do not exist hold none. */
export function readSources(folders: readonly string[]): Source[] {
  return listFiles(folders)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => parse(path, readFileSync(join(ROOT, path), "utf8")));
}

/** Paths of every file under the folders, relative to the root and sorted. */
export function listFiles(folders: readonly string[]): string[] {
  const found = folders.flatMap((folder) => {
    const base = join(ROOT, folder);
    if (statSync(base, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
    return readdirSync(base, { recursive: true, encoding: "utf8" })
      .filter((name) => statSync(join(base, name)).isFile())
      .map((name) => posix.join(folder, name.replaceAll("\\", "/")));
  });
  return found.filter((path) => !path.includes("node_modules/")).sort();
}
