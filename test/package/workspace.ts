import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "..", "..");

/** An empty project of a user's with our tarball installed in it. */
export interface Workspace {
  readonly directory: string;
  /** Every file of the tarball. */
  readonly files: readonly string[];
  /** Writes a file and runs it; gives what it printed. */
  run(name: string, source: string): Promise<string>;
  /** Compiles a TypeScript file with strict settings; gives the compiler's complaints. */
  compile(name: string, source: string): Promise<string>;
  remove(): Promise<void>;
}

/**
 * Builds, packs and unpacks the package beside links to what this project has installed, so that
 * nothing is fetched.
 *
 * @param links packages that the user has too: [name there, name here]
 */
export async function openWorkspace(
  links: readonly (readonly [string, string])[],
): Promise<Workspace> {
  await run(process.execPath, ["scripts/build.ts"], { cwd: ROOT });
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-package-"));
  const modules = join(directory, "node_modules");
  await mkdir(modules);
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", directory], { cwd: ROOT });
  const tarball = (await readdir(directory)).find((file) => file.endsWith(".tgz")) ?? "";
  await run("tar", ["-xzf", join(directory, tarball), "-C", modules]);
  await rename(join(modules, "package"), join(modules, "nevertwice"));
  for (const [there, here] of links) {
    await mkdir(dirname(join(modules, there)), { recursive: true });
    await symlink(join(ROOT, "node_modules", here), join(modules, there));
  }
  await writeFile(
    join(directory, "package.json"),
    '{ "name": "user", "private": true, "type": "module" }',
  );
  return {
    directory,
    files: await readdir(join(modules, "nevertwice"), { recursive: true }),
    async run(name, source) {
      await writeFile(join(directory, name), source);
      const { stdout } = await run(process.execPath, [name], { cwd: directory, timeout: 60_000 });
      return stdout.trim();
    },
    async compile(name, source) {
      await writeFile(join(directory, name), source);
      const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
      const target = ["--target", "es2023", "--module", "nodenext", "--types", "node", "--noEmit"];
      const compiler = join(ROOT, "node_modules", ".bin", "tsc");
      const args = [...strict, ...target, "--skipLibCheck", "false", name];
      return run(compiler, args, { cwd: directory }).then(
        ({ stdout }) => stdout,
        (error: { stdout: string }) => error.stdout,
      );
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
