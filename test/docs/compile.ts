import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, command, ROOT } from "../../scripts/command.ts";
import type { Block } from "./pages.ts";
import { readerOf } from "./reader.ts";

const FOLDER = join(ROOT, ".tmp", "docs");

const PROJECT = {
  extends: "../../tsconfig.test.json",
  compilerOptions: {
    // Nest's own decorators are of the old kind.
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    // The alias that Next.js gives to a project's root.
    paths: { "@/*": [`./${folderOf("docs/guides/nextjs.md")}/*.ts`] },
  },
  include: ["**/*.ts", "../../types"],
};

/** Checks the types of all blocks in one run; an error names the page and its line. */
export async function compile(blocks: readonly Block[], program: string): Promise<CommandResult> {
  rmSync(FOLDER, { recursive: true, force: true });
  write("", "program.ts", program);
  write("", "tsconfig.json", JSON.stringify(PROJECT));
  for (const page of new Set(blocks.map((block) => block.page)))
    for (const [name, code] of Object.entries(readerOf(page))) write(folderOf(page), name, code);
  // Empty lines before the code make its lines those of the page.
  for (const { page, line, code } of blocks)
    write(folderOf(page), `${line}.ts`, "\n".repeat(line) + code);
  return command("tsc", ["-p", FOLDER]);
}

function folderOf(page: string): string {
  return page.replaceAll(/[/.]/g, "-");
}

function write(folder: string, name: string, text: string): void {
  mkdirSync(join(FOLDER, folder), { recursive: true });
  writeFileSync(join(FOLDER, folder, name), text);
}
