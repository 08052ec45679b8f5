import { imports, place, type Source, target } from "./source.ts";

/** A room imports from its own room and from lower floors. Rooms on one floor do not touch. */
const FLOORS: Readonly<Record<string, number>> = {
  model: 1,
  store: 2,
  stores: 3,
  core: 3,
  http: 4,
  webhooks: 4,
  providers: 4,
  sandbox: 4,
  client: 4,
  verify: 4,
  doctor: 4,
  dashboard: 4,
  "index.ts": 4,
  cli: 5,
};

/** The part of a path after `src/` that names a room. */
function roomOf(path: string): string | undefined {
  const [top, room] = path.split("/");
  // The contract's door stands beside its room.
  return top === "src" ? room?.replace(/^store\.ts$/, "store") : undefined;
}

export function climbingImports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const room = roomOf(source.path) ?? "";
    const floor = FLOORS[room];
    if (floor === undefined) return [`${source.path} stands in a room without a floor`];
    return imports(source).flatMap(({ specifier, start }) => {
      const path = target(source, specifier);
      if (path === undefined) return [];
      const other = roomOf(path);
      if (other === undefined) return [place(source, start, `leaves src for ${path}`)];
      if (other === room) return [];
      const below = FLOORS[other];
      return below !== undefined && below < floor
        ? []
        : [place(source, start, `imports ${path}, which is not below it`)];
    });
  });
}

export function importsOfIndex(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    imports(source)
      .filter(({ specifier }) => {
        const path = target(source, specifier);
        return path === "src/index.ts" || specifier === "nevertwice";
      })
      .map(({ start }) => place(source, start, "imports the root door")),
  );
}

/** Every circle once, as the list of its files, type imports included. */
export function circles(sources: readonly Source[]): string[] {
  const edges = new Map(
    sources.map((source) => [
      source.path,
      imports(source).flatMap(({ specifier }) => target(source, specifier) ?? []),
    ]),
  );
  const found = new Set<string>();
  const left = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const begin = trail.indexOf(path);
    if (begin >= 0) found.add([...trail.slice(begin), path].join(" -> "));
    if (begin >= 0 || left.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    left.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return [...found];
}

const CLI_ONLY: ReadonlySet<string> = new Set(["commander"]);

/** The package of a specifier: `@scope/name/door` is `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Packages imported, for types or values, that a user's install does not bring along. */
export function foreignImports(
  sources: readonly Source[],
  brought: ReadonlySet<string>,
  optional: ReadonlySet<string>,
): string[] {
  return sources.flatMap((source) =>
    imports(source).flatMap(({ specifier, start }) => {
      if (specifier.startsWith(".") || specifier.startsWith("node:")) return [];
      const name = packageOf(specifier);
      const room = roomOf(source.path) ?? "";
      const low = (FLOORS[room] ?? 0) <= 3 && room !== "stores";
      if (CLI_ONLY.has(name) && room !== "cli")
        return [place(source, start, `imports ${name}, which only cli may`)];
      if (brought.has(name) || (optional.has(name) && !low)) return [];
      return [place(source, start, `imports ${name}, which an install does not bring`)];
    }),
  );
}

/** The files that loading one file loads, itself included. Type imports load nothing. */
function loadedBy(entry: string, sources: readonly Source[]): Source[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const loaded = new Set<Source>();
  const visit = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || loaded.has(source)) return;
    loaded.add(source);
    for (const { specifier, erased } of imports(source)) {
      const next = target(source, specifier);
      if (next !== undefined && !erased) visit(next);
    }
  };
  visit(entry);
  return [...loaded];
}

/** Packages that loading the entry loads, besides the permitted ones. */
export function loadedPackages(
  entry: string,
  sources: readonly Source[],
  permitted: ReadonlySet<string>,
): string[] {
  return loadedBy(entry, sources).flatMap((source) =>
    imports(source)
      .filter(({ specifier, erased }) => !erased && !/^(?:\.|node:)/.test(specifier))
      .filter(({ specifier }) => !permitted.has(packageOf(specifier)))
      .map(({ specifier, start }) => place(source, start, `loads ${specifier}`)),
  );
}
