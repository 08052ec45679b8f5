import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");

interface Installed {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly peer?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8"));
}

const manifest = read("package.json") as Manifest;
const lockfile = read("package-lock.json") as { packages: Readonly<Record<string, Installed>> };

test("what comes with the package is three small packages that bring no others", () => {
  const names = Object.keys(manifest.dependencies).sort();
  assert.deepEqual(names, ["canonicalize", "commander", "structured-headers"]);
  for (const name of names) {
    const installed = lockfile.packages[`node_modules/${name}`];
    assert.deepEqual(Object.keys(installed?.dependencies ?? {}), [], name);
    assert.notEqual(installed?.hasInstallScript, true, name);
  }
});

test("nothing runs when the package is installed", () => {
  const hooks = ["preinstall", "install", "postinstall", "prepare", "prepublish"];
  for (const name of hooks) assert.ok(!Object.hasOwn(manifest.scripts, name), name);
});

test("every installed package is pinned by its digest", () => {
  const names = Object.keys(lockfile.packages).filter((name) => name !== "");
  assert.ok(names.length > 100);
  for (const name of names) {
    const { integrity, link } = lockfile.packages[name] ?? {};
    if (link !== true) assert.match(integrity ?? "", /^sha512-/, name);
  }
});
