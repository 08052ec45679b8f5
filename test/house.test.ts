import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ERRORS } from "../src/model/errors.ts";
import { storeCases } from "../src/verify/store.ts";
import {
  brokenDoors,
  type Doors,
  guaranteesOf,
  idleCodes,
  sourceOf,
  unexplained,
  unproven,
  withoutDoor,
} from "./house/agreement.ts";
import {
  banishedSyntax,
  consoleAndEnvironment,
  leftOvers,
  silencedWithoutReason,
  timeAndChance,
  topLevelAwaits,
} from "./house/bans.ts";
import {
  circles,
  climbingImports,
  foreignImports,
  importsOfIndex,
  loadedPackages,
} from "./house/floors.ts";
import { badPaths, longFiles, longFunctions, longLines, medianLines } from "./house/shape.ts";
import { listFiles, parse, ROOT, readSources, type Source } from "./house/source.ts";
import { ALLOWED, foreignWords } from "./house/words.ts";

const MEDIAN_LINES_MAX = 110;

/** Error codes that nothing raises yet. The list only shrinks, and it ends empty. */
const NOT_YET: ReadonlySet<string> = new Set();

const CONTRACTS: ReadonlySet<string> = new Set([
  ...["src/store.ts", "src/store/inbox.ts", "src/store/outbox.ts"],
]);

const src = readSources(["src"]);
const written = [...src, ...readSources(["scripts", "bench"])];
const all = [...written, ...readSources(["test"])];

interface Manifest {
  readonly exports: Doors;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifest = readManifest();
const doors = Object.values(manifest.exports).flatMap((door) => sourceOf(door) ?? []);
const programs = Object.values(manifest.bin).map((path) =>
  path.replace(/^(?:\.\/)?dist\//, "src/").replace(/\.js$/, ".ts"),
);
const brought = new Set(Object.keys(manifest.dependencies));
const optional = new Set(Object.keys(manifest.peerDependencies ?? {}));

function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
}

interface Law {
  /** What the law finds in the project: nothing. */
  readonly here: () => readonly string[];
  /** What it finds in small examples, so that it is seen to find something. */
  readonly example: () => readonly string[];
  readonly shows: readonly string[];
}

function law(sentence: string, { here, example, shows }: Law): void {
  test(sentence, () => {
    assert.deepEqual(example(), shows, "the law does not see what is wrong in its own example");
    const places = here();
    assert.ok(places.length === 0, `${sentence}, but:\n  ${places.join("\n  ")}`);
  });
}

/** Small files for the examples: a path and its text, in turn. */
function files(texts: Readonly<Record<string, string>>): Source[] {
  return Object.entries(texts).map(([path, text]) => parse(path, text));
}

law("a room imports only from itself and from the floors below", {
  here: () => climbingImports(src),
  example: () =>
    climbingImports(
      files({
        "src/core/a.ts": 'import type { A } from "../stores/a.ts";\nimport "./b.ts";',
        "src/stores/a.ts": 'export * from "../core/a.ts";\nimport "../model/key.ts";',
        "src/model/a.ts":
          'type A = import("../store.ts").A;\nexport const b = import("../../x.ts");',
        "src/attic/a.ts": "export const a = 1;",
      }),
    ),
  shows: [
    "src/core/a.ts:1 imports src/stores/a.ts, which is not below it",
    "src/stores/a.ts:1 imports src/core/a.ts, which is not below it",
    "src/model/a.ts:1 imports src/store.ts, which is not below it",
    "src/model/a.ts:2 leaves src for x.ts",
    "src/attic/a.ts stands in a room without a floor",
  ],
});

law("nobody inside imports the root door", {
  here: () => importsOfIndex(src),
  example: () =>
    importsOfIndex(files({ "src/cli/a.ts": 'import "../index.ts";\nimport "nevertwice";' })),
  shows: ["src/cli/a.ts:1 imports the root door", "src/cli/a.ts:2 imports the root door"],
});

law("imports make no circle, type imports included", {
  here: () => circles(src),
  example: () =>
    circles(
      files({
        "src/core/a.ts": 'import "./b.ts";',
        "src/core/b.ts": 'import type { C } from "./c.ts";',
        "src/core/c.ts": 'export type { B } from "./b.ts";',
      }),
    ),
  shows: ["src/core/b.ts -> src/core/c.ts -> src/core/b.ts"],
});

law("the library imports nothing that its install does not bring", {
  here: () => foreignImports(src, brought, optional),
  example: () =>
    foreignImports(
      files({
        "src/http/a.ts": 'import type { P } from "pg";\nimport "@x/peer/deep";\nimport "node:fs";',
        "src/core/a.ts": 'import "@x/peer";\nimport "commander";\nimport "canonicalize";',
      }),
      new Set(["canonicalize", "commander"]),
      new Set(["@x/peer"]),
    ),
  shows: [
    "src/http/a.ts:1 imports pg, which an install does not bring",
    "src/core/a.ts:1 imports @x/peer, which an install does not bring",
    "src/core/a.ts:2 imports commander, which only cli may",
  ],
});

law("importing the root door loads no client and no framework", {
  here: () => loadedPackages("src/index.ts", src, new Set(["canonicalize", "structured-headers"])),
  example: () =>
    loadedPackages(
      "src/index.ts",
      files({
        "src/index.ts": 'export * from "./core/a.ts";\nimport type { P } from "pg";',
        "src/core/a.ts": 'import { Pool } from "pg";\nimport canonicalize from "canonicalize";',
      }),
      new Set(["canonicalize"]),
    ),
  shows: ["src/core/a.ts:1 loads pg"],
});

law("a file has at most 300 lines", {
  here: () => longFiles(written),
  example: () =>
    longFiles(files({ "src/a.ts": "a;\n".repeat(301), "src/b.ts": "a;\n".repeat(300) })),
  shows: ["src/a.ts has 301 lines"],
});

law("a function has at most 70 lines", {
  here: () => longFunctions(written),
  example: () =>
    longFunctions(
      files({
        "src/a.ts": `export const a = () => {${"\n".repeat(70)}};`,
        "src/b.ts": `function b() {${"\n".repeat(69)}}`,
      }),
    ),
  shows: ["src/a.ts:1 begins a function of 71 lines"],
});

law("a line has at most 100 columns, unless it is one literal or an address", {
  here: () => longLines(all),
  example: () =>
    longLines(
      files({
        "src/a.ts": [
          `// ${"word ".repeat(30)}`,
          `// See https://example.com/${"a".repeat(100)}`,
          `export const a =\n  "${"a".repeat(120)}";`,
          `export const b = one(${"1,".repeat(60)});`,
        ].join("\n"),
      }),
    ),
  shows: ["src/a.ts:1 has 153 columns", "src/a.ts:5 has 143 columns"],
});

test("half of the source files have at most 110 lines", (context: TestContext) => {
  assert.equal(medianLines(files({ a: "", b: "a;\n".repeat(3), c: "a;\n".repeat(9) })), 3);
  assert.equal(medianLines(files({ a: "a;\n", b: "a;\na;\n" })), 1.5);
  const median = medianLines(src);
  context.diagnostic(`the median source file has ${median} lines`);
  assert.ok(median <= MEDIAN_LINES_MAX, `the median source file has ${median} lines`);
});

law("time and chance come in through model/clock.ts and model/random.ts", {
  here: () => timeAndChance(src),
  example: () =>
    timeAndChance(
      files({
        "src/model/clock.ts": "export const now = () => Date.now();",
        "src/core/a.ts": [
          'import { randomUUID } from "node:crypto";',
          'import "node:timers/promises";',
          "const a = Date.now() + new Date() + Math.random() + performance.now();",
          "setTimeout(a); globalThis.setInterval(a); AbortSignal.timeout(1);",
          "socket.setTimeout(1); clock.now();",
        ].join("\n"),
      }),
    ).sort(),
  shows: [
    "src/core/a.ts:1 uses randomUUID",
    "src/core/a.ts:1 uses randomUUID",
    "src/core/a.ts:2 imports node:timers/promises",
    "src/core/a.ts:3 uses Date(",
    "src/core/a.ts:3 uses Date.now",
    "src/core/a.ts:3 uses Math.random",
    "src/core/a.ts:3 uses performance.now",
    "src/core/a.ts:4 uses AbortSignal.timeout",
    "src/core/a.ts:4 uses setInterval",
    "src/core/a.ts:4 uses setTimeout",
  ],
});

law("only cli speaks to the console and reads the environment", {
  here: () => consoleAndEnvironment(src),
  example: () =>
    consoleAndEnvironment(
      files({
        "src/core/a.ts": 'console.log(process.env["A"]);',
        "src/cli/a.ts": "console.log(process.env);",
      }),
    ),
  shows: ["src/core/a.ts:1 uses console.log", "src/core/a.ts:1 uses process.env"],
});

law("there is no any, no enum and no default export", {
  here: () => banishedSyntax(all),
  example: () =>
    banishedSyntax(
      files({
        "src/a.ts": "let a: any;\nenum E {}\nexport default a;",
        "src/b.ts": "const b = 1;\nexport { b as default };",
      }),
    ),
  shows: [
    "src/a.ts:1 says any",
    "src/a.ts:2 is an enum",
    "src/a.ts:3 is a default export",
    "src/b.ts:2 is a default export",
  ],
});

law("no source file awaits at its top level, so that require can load it", {
  here: () => topLevelAwaits(src),
  example: () =>
    topLevelAwaits(
      files({ "src/a.ts": "await 1;\nexport const a = async (): Promise<number> => await 1;" }),
    ),
  shows: ["src/a.ts:1 awaits at the top level"],
});

law("no comment leaves work for later", {
  here: () => leftOvers(all),
  example: () => leftOvers(files({ "src/a.ts": "// TODO\n/* FIXME: b */\nconst todo = 1;" })),
  shows: ["src/a.ts:1 leaves work for later", "src/a.ts:2 leaves work for later"],
});

law("a rule that is switched off says why", {
  here: () => silencedWithoutReason(all),
  example: () =>
    silencedWithoutReason(
      files({
        "src/a.ts": [
          "// biome-ignore lint/a/b: because the driver's type is wrong",
          "// biome-ignore lint/a/b: <explanation>",
          "// @ts-expect-error",
          "// @ts-expect-error An asynchronous callback does not compile.",
          "// @ts-ignore because we must not",
        ].join("\n"),
      }),
    ),
  shows: [
    "src/a.ts:2 gives no reason",
    "src/a.ts:3 gives no reason",
    "src/a.ts:5 silences the compiler",
  ],
});

law("file names are nouns in kebab-case", {
  here: () => badPaths(listFiles(["src", "scripts", "bench", "test"])),
  example: () =>
    badPaths([
      "src/a-b.ts",
      "test/a.test.ts",
      "src/A.ts",
      "src/a_b.ts",
      "src/utils/a.ts",
      "test/types/a.ts",
      "types.ts",
    ]),
  shows: [
    "src/A.ts is not in kebab-case",
    "src/a_b.ts is not in kebab-case",
    "src/utils/a.ts is named utils, which is no noun of ours",
    "types.ts is named types, which is no noun of ours",
  ],
});

law("exported names and SQL names are made of our own words", {
  here: () => foreignWords(src, ALLOWED),
  example: () =>
    foreignWords(
      files({
        "src/core/a.ts":
          "export interface A { readonly ttlMs: number }\nexport const lockedAt = 1;",
        "src/stores/a.ts":
          "const a = `CREATE TABLE tasks (id text, hash bytea CHECK (f(a, b)), PRIMARY KEY (id))`;",
        "src/stores/b.ts": 'const names = [of("operation"), names.of("acquire_row")];',
        "src/cli/a.ts": "export const verifyAll = 1;\nexport const blockSize = 1;",
        "src/http/a.ts": "export const verifyIt = 1;\nexport const cacheKey = 1;",
      }),
      { cacheKey: "an example", leftOver: "an example" },
    ),
  shows: [
    "the allow list names leftOver, which is gone",
    "src/core/a.ts:2 lockedAt says lock; our word is claim",
    "src/core/a.ts:1 ttlMs says ttl; our word is lease or retention",
    "src/stores/a.ts:1 tasks says task; our word is operation",
    "src/stores/a.ts:1 hash says hash; our word is fingerprint or digest",
    "src/stores/b.ts:1 acquire_row says acquire; our word is claim",
    "src/http/a.ts:1 verifyIt says verify; our word is checkSignature",
  ],
});

law("every door in package.json has a source file, and its build beside it", {
  here: () => brokenDoors(manifest.exports, new Set(src.map(({ path }) => path))),
  example: () =>
    brokenDoors(
      {
        "./package.json": "./package.json",
        ".": { source: "./src/a.ts", types: "./dist/a.d.ts", default: "./dist/a.js" },
        "./b": { source: "./src/b.ts", types: "./dist/b.d.ts", default: "./dist/b.js" },
        "./c": { default: "./dist/c.js" },
        "./d": { source: "./src/a.ts", types: "./dist/a.d.ts", default: "./dist/b.js" },
      },
      new Set(["src/a.ts"]),
    ),
  shows: [
    "./b names src/b.ts, which does not exist",
    "./c names no source file",
    './d is not {"source":"./src/a.ts","types":"./dist/a.d.ts","default":"./dist/a.js"}',
  ],
});

law("everything made for the user is behind a door", {
  here: () => withoutDoor([...doors, ...programs], src),
  example: () =>
    withoutDoor(
      ["src/index.ts", "src/http/a.ts"],
      files({
        "src/index.ts": 'export { aStore } from "./stores/a.ts";\nfork("a-process");',
        "src/stores/a.ts": "export const aStore = 1, bStore = 2;",
        "src/http/a.ts": "export const protect = 1;",
        "src/http/b.ts": "export const protect = 1;",
        "src/a-process.ts": 'new URL("./b-process.js", import.meta.url);',
        "src/b-process.ts": "",
        "src/e.ts": "",
      }),
    ),
  shows: [
    "src/stores/a.ts:1 bStore is exported from no door",
    "src/http/b.ts:1 protect is exported from no door",
    "src/http/b.ts is behind no door",
    "src/e.ts is behind no door",
  ],
});

law("every error code is raised somewhere", {
  here: () => idleCodes(Object.keys(ERRORS), src, NOT_YET),
  example: () =>
    idleCodes(
      ["a", "b", "c", "d"],
      files({ "src/core/a.ts": 'type T = "b";\nthrow new E("a", "d");' }),
      new Set(["c", "d", "e"]),
    ),
  shows: ["b is never raised", "d needs no excuse any more", "e needs no excuse any more"],
});

law("every guarantee of the contract has a case, and every case a guarantee", {
  here: () =>
    unproven(
      src.filter(({ path }) => CONTRACTS.has(path)).flatMap(guaranteesOf),
      storeCases.map(({ guarantee }) => guarantee),
    ),
  example: () =>
    unproven(
      files({
        "src/store.ts": "/**\n *  1. One.\n *  2. Two.\n *     3. is quoted.\n *  4. Four. */",
      }).flatMap(guaranteesOf),
      [1, 4, 5],
    ),
  shows: [
    "guarantee 3 is missing between the others",
    "guarantee 2 has no case",
    "a case proves 5, which is no guarantee",
  ],
});

law("every dependency is explained in one line", {
  here: () =>
    unexplained(readFileSync(join(ROOT, "docs", "dependencies.md"), "utf8"), [
      ...brought,
      ...Object.keys(manifest.devDependencies),
    ]),
  example: () =>
    unexplained("- `a`: reads and writes the letter a.\n- `c`: reads and writes the letter c.\n", [
      "a",
      "b",
    ]),
  shows: ["b is not explained in exactly one line", "the page explains c, which is no dependency"],
});
