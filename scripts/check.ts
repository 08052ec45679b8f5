import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, command, ROOT } from "./command.ts";

const WORKSPACE = join(ROOT, ".tmp", "check");

interface Check {
  readonly name: string;
  readonly run: () => Promise<CommandResult>;
}

const CHECKS: readonly Check[] = [
  { name: "format and lint", run: () => command("biome", ["check", "--error-on-warnings"]) },
  { name: "types of the sources", run: () => command("tsc", ["-p", "tsconfig.json"]) },
  { name: "types of the tests", run: () => command("tsc", ["-p", "tsconfig.test.json"]) },
  { name: "build", run: () => command("node", ["scripts/build.ts"]) },
  { name: "laws of the house", run: () => testFile("test/house.test.ts") },
  { name: "errors page", run: () => testFile("test/errors-page.test.ts") },
  { name: "package (publint)", run: () => command("publint", ["--strict"]) },
  { name: "package (types)", run: checkTypesOfPackage },
  { name: "package (doors)", run: openDoors },
  { name: "unused code", run: () => command("knip", []) },
  { name: "unused code, production", run: () => command("knip", ["--production"]) },
];

function testFile(path: string): Promise<CommandResult> {
  return command("node", ["--conditions=source", "--test", path]);
}

/** The packed tarball, alone in a fresh workspace. */
async function pack(): Promise<CommandResult & { readonly tarball: string }> {
  rmSync(WORKSPACE, { recursive: true, force: true });
  mkdirSync(WORKSPACE, { recursive: true });
  const packed = await command("npm", ["pack", "--pack-destination", WORKSPACE]);
  const name = readdirSync(WORKSPACE).find((file) => file.endsWith(".tgz")) ?? "";
  return { ...packed, tarball: join(WORKSPACE, name) };
}

async function checkTypesOfPackage(): Promise<CommandResult> {
  const packed = await pack();
  if (packed.code !== 0) return packed;
  return command("attw", ["--profile", "esm-only", packed.tarball]);
}

/** Unpacks the tarball where a user's install would put it, and loads every door in both ways. */
async function openDoors(): Promise<CommandResult> {
  const packed = await pack();
  if (packed.code !== 0) return packed;
  const modules = join(WORKSPACE, "node_modules");
  mkdirSync(modules);
  const unpacked = await command("tar", ["-xzf", packed.tarball, "-C", modules]);
  if (unpacked.code !== 0) return unpacked;
  renameSync(join(modules, "package"), join(modules, "nevertwice"));
  // A package of its own, or the name would mean the checkout instead of the tarball.
  writeFileSync(join(WORKSPACE, "package.json"), '{ "name": "user", "private": true }');
  writeFileSync(join(WORKSPACE, "open.mjs"), OPEN_DOORS);
  return command("node", ["open.mjs"], { cwd: WORKSPACE });
}

const OPEN_DOORS = `
import { createRequire } from "node:module";
import { spawnSync } from "node:child_process";
const require = createRequire(import.meta.url);
const manifest = require("nevertwice/package.json");
for (const door of Object.keys(manifest.exports)) {
  if (door === "./package.json") continue;
  const name = "nevertwice" + door.slice(1);
  const imported = Object.keys(await import(name));
  const required = Object.keys(require(name)).filter((key) => imported.includes(key));
  if (imported.length === 0 || required.length !== imported.length)
    throw new Error(name + " gives " + imported + " to import and " + required + " to require");
}
for (const path of Object.values(manifest.bin)) {
  const file = new URL("node_modules/nevertwice/" + path, import.meta.url).pathname;
  const program = spawnSync(file, ["--help"], { encoding: "utf8" });
  if (program.status !== 0) throw new Error(path + " --help: " + program.stderr + program.error);
}
`;

async function main(): Promise<number> {
  const failed: string[] = [];
  for (const { name, run } of CHECKS) {
    const begin = performance.now();
    const { code, output } = await run();
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
    if (code === 0) continue;
    failed.push(name);
    console.log(output.trimEnd().replace(/^/gm, "       "));
  }
  rmSync(WORKSPACE, { recursive: true, force: true });
  const verdict = failed.length === 0 ? "all hold" : `failed: ${failed.join(", ")}`;
  console.log(`${CHECKS.length} checks, ${verdict}.`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
