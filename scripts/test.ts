import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { ROOT } from "./command.ts";

/** Longer than the slowest file on a slow machine; a hang becomes a failure with a name. */
const FILE_TIMEOUT_MS = 600_000;

/** Every test file under the selected files and folders, in one fixed order. */
function findTests(selected: readonly string[]): string[] {
  const all = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test", name).split(sep).join("/"))
    .sort();
  if (selected.length === 0) return all;
  const wanted = selected.map((name) => relative(ROOT, join(ROOT, name)).split(sep).join("/"));
  for (const name of wanted) {
    if (!existsSync(join(ROOT, name))) throw new Error(`There is no ${name} to test.`);
    if (!all.some((file) => isWithin(file, name))) throw new Error(`${name} holds no test file.`);
  }
  return all.filter((file) => wanted.some((name) => isWithin(file, name)));
}

function isWithin(file: string, name: string): boolean {
  return file === name || file.startsWith(`${name}/`);
}

/** Arguments with a dash are the runner's, such as --test-name-pattern=...; the rest selects. */
async function main(args: readonly string[]): Promise<number> {
  const files = findTests(args.filter((arg) => !arg.startsWith("-")));
  let stopped: NodeJS.Signals | undefined;
  let child: ChildProcess | undefined;
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(name, () => {
      stopped = name;
      child?.kill(name);
    });
  const { startServers } = await import("./servers.ts");
  const servers = await startServers();
  try {
    if (stopped !== undefined) return 1;
    const flags = ["--conditions=source", "--test", "--test-concurrency=2"];
    flags.push("--test-reporter=spec", `--test-timeout=${FILE_TIMEOUT_MS}`);
    child = spawn(
      process.execPath,
      [...flags, ...args.filter((arg) => arg.startsWith("-")), ...files],
      {
        cwd: ROOT,
        env: { ...process.env, ...servers.env, NODE_ENV: "test" },
        stdio: "inherit",
      },
    );
    return await ended(child);
  } finally {
    // Nothing is printed from here on: the runner's own summary closes the output.
    await servers.stop();
  }
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main(process.argv.slice(2));
