// Plain JavaScript, so that an older Node can still read it and name the way out.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MINIMUM = [22, 13];
/** Most of a start is reading the sources, which many processes of one run need not do anew. */
const NODE_COMPILE_CACHE = join(ROOT, "node_modules", ".cache", "nevertwice");
const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP"];

/** The Node that the project brings along, or this one if it is new enough. */
function findNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (const folder of ["node_modules/node/bin", "node_modules/.bin"]) {
    const path = join(ROOT, folder, name);
    if (existsSync(path)) return { path, flags: [] };
  }
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor < NODE_MINIMUM[1])) return;
  // The first releases of 22 and 23 strip types only when they are asked to.
  const flags = process.features.typescript ? [] : ["--experimental-strip-types"];
  return { path: process.execPath, flags };
}

/** Ends this process the way the child ended. */
function endAs(code, signal) {
  if (signal === null) process.exit(code);
  for (const name of FORWARDED) process.removeAllListeners(name);
  process.kill(process.pid, signal);
  // A signal that this process survives still ends it, with the status that shells give it.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
}

function run(script, rest) {
  const node = findNode();
  if (node === undefined) {
    console.error(
      `This is Node ${process.version}, but this needs ${NODE_MINIMUM.join(".")} or newer: ` +
        "run `npm install`, which brings the right one into node_modules.",
    );
    process.exit(1);
  }
  const flags = [...node.flags, "--conditions=source", script, ...rest];
  const env = { NODE_COMPILE_CACHE, ...process.env };
  const child = spawn(node.path, flags, { env, stdio: "inherit" });
  for (const name of FORWARDED)
    process.on(name, () => {
      // A terminal tells the whole process group, and a second interrupt would cut the child short.
      if (name === "SIGINT" && process.stdin.isTTY) return;
      child.kill(name);
    });
  child.on("error", (error) => {
    console.error(`${node.path} cannot be started (${error.message}): run \`npm install\` again.`);
    process.exit(1);
  });
  child.on("exit", endAs);
  endWithNpm(child);
}

/** How soon the end of npm is noticed, in milliseconds. */
const PARENT_WATCH_MS = 200;

/** npm that is told to end kills the shell between us, which passes nothing on. */
function endWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill("SIGTERM");
  }, PARENT_WATCH_MS).unref();
}

const [script, ...rest] = process.argv.slice(2);
if (script === undefined) {
  console.error("Usage: node scripts/run.mjs <file.ts> [arguments]");
  process.exit(2);
}
run(script, rest);
