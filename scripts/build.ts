import { chmodSync, cpSync, existsSync, rmSync } from "node:fs";
import { extname, join } from "node:path";
import { command, ROOT } from "./command.ts";

const SOURCE = join(ROOT, "src");
const TARGET = join(ROOT, "dist");

/** Folders, and files that the compiler leaves behind, such as pages and style sheets. */
function isAsset(path: string): boolean {
  return extname(path) !== ".ts";
}

rmSync(TARGET, { recursive: true, force: true });
const compiled = await command("tsc", ["-p", "tsconfig.build.json"]);
process.stdout.write(compiled.output);
if (compiled.code === 0) {
  cpSync(SOURCE, TARGET, { recursive: true, filter: isAsset });
  const main = join(TARGET, "cli", "main.js");
  if (existsSync(main)) chmodSync(main, 0o755);
}
process.exitCode = compiled.code;
