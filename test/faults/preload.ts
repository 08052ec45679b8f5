import { execFile } from "node:child_process";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { installPackage } from "../../scripts/servers.ts";

const run = promisify(execFile);
const LIBRARIES = "/usr/lib";
const FAKETIME = "faketime/libfaketimeMT.so.1";
/** In C: fsync and fdatasync fail with EIO for as long as the file of FSYNC_FAILS is there. */
const FAILING_FSYNC = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int guarded(const char *name, int file) {
  const char *trigger = getenv("FSYNC_FAILS");
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  if (trigger != NULL && access(trigger, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return real(file);
}

int fsync(int file) { return guarded("fsync", file); }
int fdatasync(int file) { return guarded("fdatasync", file); }
`;

/** A skip that nobody overlooks. */
export function skipAloud(t: TestContext, reason: string): void {
  console.warn(`SKIPPED: ${reason}.`);
  t.skip(reason);
}

/** Debian's libfaketime; a build server gets it installed. */
export async function findFaketime(): Promise<string | undefined> {
  const found = await libfaketime();
  if (found !== undefined || process.env["CI"] !== "true") return found;
  await installPackage("faketime");
  return libfaketime();
}

async function libfaketime(): Promise<string | undefined> {
  const folders: string[] = await readdir(LIBRARIES).catch(() => []);
  for (const folder of folders) {
    const path = join(LIBRARIES, folder, FAKETIME);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

/**
 * The environment of a process whose wall clock is what a file says, such as `+3600` seconds; its
 * monotonic clock and the times of its files stay right.
 */
export function fakedBy(library: string, file: string): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
  };
}

/**
 * Compiles the library that lets fsync fail.
 *
 * @returns undefined where there is no compiler
 */
export async function compileFailingFsync(directory: string): Promise<string | undefined> {
  const library = join(directory, "failing-fsync.so");
  try {
    const compiling = run("cc", ["-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"]);
    compiling.child.stdin?.on("error", () => {}).end(FAILING_FSYNC);
    await compiling;
    return library;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The environment of a process whose fsync fails while a file is there. */
export function failingBy(library: string, trigger: string): Readonly<Record<string, string>> {
  return { LD_PRELOAD: library, FSYNC_FAILS: trigger };
}
