import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./command.ts";

const USAGE = "npm run prove -- mutation [--room model|core] [--seed 1] [src/core/claim.ts ...]";

/** The rooms, and which of their test files cannot run beside mutants. */
const ROOMS = {
  // One reads the sources themselves, one waits for the system's own time-outs.
  model: ["specification", "network"],
  core: [],
} as const;

/** Tests that measure time, of which mutants that are not even on take some. */
const TIMED = ["in the time of"] as const;

/** Changes the sources one place at a time: a test must notice. @returns the exit code */
export async function proveMutation(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      room: { type: "string" },
      seed: { type: "string", default: "1" },
    },
  });
  const { seed, room = roomOf(positionals) } = values;
  const missing = positionals.filter((file) => !existsSync(join(ROOT, file)));
  if (!isRoom(room) || missing.length > 0) {
    console.error(`There is no ${missing[0] ?? `room called ${room}`}. Usage: ${USAGE}`);
    return 2;
  }
  // Property tests draw the same cases in every run, so that a score can be compared.
  process.env["NEVERTWICE_SEED"] = seed;
  const { Stryker } = await import("@stryker-mutator/core");
  const mutate = positionals.length > 0 ? positionals : [`src/${room}/**/*.ts`];
  // The test runner is our own, so Stryker's types know nothing of `hot`.
  const options = { mutate, hot: { files: testsOf(room), without: [...TIMED] } };
  await new Stryker({
    ...options,
    configFile: join(ROOT, "stryker.config.json"),
  }).runMutationTest();
  // Stryker sets the exit code by the threshold.
  return Number(process.exitCode ?? 0);
}

/** The room of the files that are named; whose tests run is decided by it. */
function roomOf([first]: readonly string[]): string {
  return first?.split("/")[1] ?? "model";
}

function isRoom(room: string): room is keyof typeof ROOMS {
  return Object.hasOwn(ROOMS, room);
}

function testsOf(room: keyof typeof ROOMS): string[] {
  const folder = `test/${room}`;
  const unfit: readonly string[] = ROOMS[room];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .filter((name) => !unfit.includes(basename(name, ".test.ts")))
    .sort()
    .map((name) => `${folder}/${name}`);
}
