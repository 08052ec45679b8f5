import { posix } from "node:path";
import { imports, place, type Source, target } from "./source.ts";

/** One door in package.json: a subpath and the file that each condition names. */
export type Doors = Readonly<Record<string, unknown>>;

/** Doors whose conditions do not name one existing source file and its two build products. */
export function brokenDoors(doors: Doors, paths: ReadonlySet<string>): string[] {
  return Object.entries(doors).flatMap(([door, conditions]) => {
    if (door === "./package.json") return [];
    const source = sourceOf(conditions);
    if (source === undefined) return [`${door} names no source file`];
    if (!paths.has(source)) return [`${door} names ${source}, which does not exist`];
    const built = source.replace(/^src\//, "./dist/").replace(/\.ts$/, "");
    const wanted = { source: `./${source}`, types: `${built}.d.ts`, default: `${built}.js` };
    return JSON.stringify(conditions) === JSON.stringify(wanted)
      ? []
      : [`${door} is not ${JSON.stringify(wanted)}`];
  });
}

/** The source file behind a door, relative to the root. */
export function sourceOf(conditions: unknown): string | undefined {
  if (typeof conditions !== "object" || conditions === null) return undefined;
  const source: unknown = Reflect.get(conditions, "source");
  return typeof source === "string" ? source.replace(/^\.\//, "") : undefined;
}

/** What a user mounts or hands in is exported from a door, under exactly these names. */
const OF_A_DOOR = /^(?:protect|[a-z]\w*(?:Store|Effects|Webhook))$/;

/** Things for the user that no door exports, and files that no door leads to. */
export function withoutDoor(entries: readonly string[], sources: readonly Source[]): string[] {
  const doors = sources.filter(({ path }) => entries.includes(path));
  const open = new Set(doors.flatMap((door) => door.exports.map(({ name }) => name)));
  const hidden = sources.flatMap((source) =>
    source.exports
      .filter(({ name }) => OF_A_DOOR.test(name) && !behind(source, name, doors, open))
      .map(({ name, start }) => place(source, start, `${name} is exported from no door`)),
  );
  return [...hidden, ...unreached(entries, sources)];
}

/** `protect` is spelt alike for every framework, so its file is a door or handed on by one. */
function behind(
  source: Source,
  name: string,
  doors: readonly Source[],
  open: ReadonlySet<string>,
): boolean {
  if (name !== "protect" || doors.includes(source)) return open.has(name);
  return doors.some(
    (door) =>
      door.exports.some((exported) => exported.name === name) &&
      imports(door).some(({ specifier }) => target(door, specifier) === source.path),
  );
}

function unreached(entries: readonly string[], sources: readonly Source[]): string[] {
  const left = new Map(sources.map((source) => [source.path, source]));
  const visit = (path: string): void => {
    const source = left.get(path);
    if (source === undefined) return;
    left.delete(path);
    for (const { specifier } of imports(source)) visit(target(source, specifier) ?? "");
    for (const name of texts(source))
      visit(posix.join(posix.dirname(path), `${name.replace(/\.[jt]s$/, "")}.ts`));
  };
  for (const entry of entries) visit(entry);
  return [...left.keys()].map((path) => `${path} is behind no door`);
}

/** Strings that name a neighbour which is started as a process of its own, `...-process`. */
function texts(source: Source): string[] {
  return source.nodes.flatMap((node) =>
    node.type === "Literal" && typeof node.value === "string" && /-process\b/.test(node.value)
      ? node.value
      : [],
  );
}

/** Error codes that no code says outside of their table, and excuses that are needed no more. */
export function idleCodes(
  codes: readonly string[],
  sources: readonly Source[],
  notYet: ReadonlySet<string>,
): string[] {
  const said = new Set(
    sources
      .filter(({ path }) => path !== "src/model/errors.ts")
      .flatMap((source) =>
        source.nodes
          .filter((node) => node.type === "Literal")
          // A type that lists a code raises nothing.
          .filter((node) => source.parents.get(node)?.type !== "TSLiteralType")
          .map((node) => node.value),
      ),
  );
  const idle = codes.filter((code) => !said.has(code) && !notYet.has(code));
  const excused = [...notYet].filter((code) => said.has(code) || !codes.includes(code));
  return [
    ...idle.map((code) => `${code} is never raised`),
    ...excused.map((code) => `${code} needs no excuse any more`),
  ];
}

/** The numbers of the guarantees that the contract's comment lists. */
export function guaranteesOf(contract: Source): number[] {
  return contract.comments.flatMap(({ value }) =>
    [...value.matchAll(/^\s*\*\s{1,2}(\d+)\. /gm)].map((match) => Number(match[1])),
  );
}

/** Guarantees and cases that do not find each other. */
export function unproven(guarantees: readonly number[], cases: readonly number[]): string[] {
  const numbers = guarantees.map((_, index) => index + 1);
  return [
    ...numbers
      .filter((number) => !guarantees.includes(number))
      .map((number) => `guarantee ${number} is missing between the others`),
    ...guarantees
      .filter((number) => !cases.includes(number))
      .map((number) => `guarantee ${number} has no case`),
    ...cases
      .filter((number) => !guarantees.includes(number))
      .map((number) => `a case proves ${number}, which is no guarantee`),
  ];
}

/** Dependencies that the page does not explain in one line each, and lines about none. */
export function unexplained(page: string, names: readonly string[]): string[] {
  const lines = page.split("\n").filter((line) => line.startsWith("- "));
  const explained = lines.map((line) => /^- `([^`]+)`: \S.{20,}\.$/.exec(line)?.[1] ?? line);
  return [
    ...names
      .filter((name) => explained.filter((other) => other === name).length !== 1)
      .map((name) => `${name} is not explained in exactly one line`),
    ...explained
      .filter((name) => !names.includes(name))
      .map((name) => `the page explains ${name}, which is no dependency`),
  ];
}
