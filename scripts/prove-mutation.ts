import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./command.ts";
import { Misused } from "./misused.ts";
import { startServers } from "./servers.ts";

interface Room {
  /** Where its test files are, and how their names begin. */
  readonly folder: string;
  readonly prefix: string;
  /** Those that cannot run beside mutants. */
  readonly unfit: readonly string[];
  /** Tests of its rules that stand elsewhere. */
  readonly beside?: readonly string[];
  /** Cases that none of its mutants can fail, by a part of their name. */
  readonly without?: readonly string[];
  /** Cases of one file alone, such as another driver's: by a part of their name, that file. */
  readonly own?: Readonly<Record<string, string>>;
  /** How long one of its tests takes at most, even on a busy machine, in milliseconds. */
  readonly testMs?: number;
}

const ROOMS: Readonly<Record<string, Room>> = {
  // One reads the sources themselves, one waits for the system's own time-outs.
  model: { folder: "test/model", prefix: "", unfit: ["specification", "network"] },
  core: {
    ...{ folder: "test/core", prefix: "", unfit: [] },
    beside: ["card-data", "card-members", "error-text"].map(
      (name) => `test/security/${name}.test.ts`,
    ),
  },
  "stores/memory": { folder: "test/stores", prefix: "memory", unfit: [] },
  "stores/sqlite": { folder: "test/stores", prefix: "sqlite", unfit: [] },
  // They kill processes, start servers of their own, or take minutes.
  "stores/postgres": {
    folder: "test/stores",
    prefix: "postgres",
    unfit: ["postgres-death", "postgres-faults-server", "postgres-lineage", "postgres-wire"],
    // Races, which the database's functions decide, and other processes.
    without: [
      ...["by ten at once", "twenty settlements", "twenty objects", "of twenty deliveries"],
      ...["racing relays", "never send two of one", "never claimed twice", "never deadlock"],
      ...["all given, and done once", "two handles that migrate", "two processes that migrate"],
    ],
    own: {
      "> pglite ": "postgres/pglite.ts",
      "of PGlite": "postgres/pglite.ts",
      "> postgres.js ": "postgres/postgres-js.ts",
      "> postgres.js: ": "postgres/postgres-js.ts",
      "the trigger allows": "postgres/schema.ts",
    },
    testMs: 8_000,
  },
};

/** Tests that measure time, of which mutants that are not even on take some. */
const TIMED = "in the time of";
/** What needs other processes, or a disk of its own. */
const OUTSIDE = ["two processes on one file", "a full disk"] as const;

/** A disk in memory: no mutant is noticed by what a real one keeps. */
const MEMORY = "/dev/shm";

/** Changes the sources one place at a time: a test must notice. @returns the exit code */
export async function proveMutation(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      room: { type: "string" },
      seed: { type: "string", default: "1" },
      without: { type: "string", multiple: true, default: [] },
    },
  });
  const { seed, without, room = roomOf(positionals) } = values;
  const { [room]: known } = ROOMS;
  const missing = positionals.filter((file) => !existsSync(join(ROOT, file)));
  if (known === undefined || missing.length > 0) {
    throw new Misused(`There is no ${missing[0] ?? `room called ${room}`}.`);
  }
  // Property tests draw the same cases in every run, so that a score can be compared.
  process.env["NEVERTWICE_SEED"] = seed;
  if (room.startsWith("stores/") && existsSync(MEMORY)) process.env["TMPDIR"] = MEMORY;
  const servers = room === "stores/postgres" ? await startServers() : undefined;
  Object.assign(process.env, servers?.env);
  try {
    const mutate = positionals.length > 0 ? positionals : [`src/${room}/**/*.ts`];
    await mutateSources(room, mutate, {
      files: testsOf(known),
      without: [TIMED, ...OUTSIDE, ...without, ...(known.without ?? []), ...others(known, mutate)],
      own: known.own ?? {},
      testMs: known.testMs,
    });
  } finally {
    await servers?.stop();
  }
  // Stryker sets the exit code by the threshold.
  return Number(process.exitCode ?? 0);
}

/** `hot` is what our own test runner is told, of which Stryker's types know nothing. */
async function mutateSources(
  room: string,
  mutate: string[],
  hot: {
    readonly files: readonly string[];
    readonly without: readonly string[];
    readonly own: Readonly<Record<string, string>>;
    readonly testMs: number | undefined;
  },
): Promise<void> {
  const { Stryker } = await import("@stryker-mutator/core");
  // Rooms may be measured side by side.
  const place = `.tmp/mutation-${room.replace("/", "-")}`;
  const options = { mutate, hot, tempDirName: place, jsonReporter: { fileName: `${place}.json` } };
  const configFile = join(ROOT, "stryker.config.json");
  await new Stryker({ ...options, configFile }).runMutationTest();
}

/** The cases of files that are not mutated. */
function others({ own = {} }: Room, mutate: readonly string[]): string[] {
  const isMutated = (file: string): boolean =>
    mutate.some((one) => one.endsWith(file) || one.includes("*"));
  return Object.keys(own).filter((part) => !isMutated(own[part] ?? ""));
}

/** The room of the files that are named; whose tests run is decided by it. */
function roomOf([first]: readonly string[]): string {
  if (first === undefined) return "model";
  const inside = Object.keys(ROOMS).find((room) => first.startsWith(`src/${room}/`));
  // What the stores share is noticed by each of them.
  return inside ?? (first.startsWith("src/stores/") ? "stores/sqlite" : first);
}

function testsOf({ folder, prefix, unfit, beside = [] }: Room): string[] {
  const own = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.startsWith(prefix) && name.endsWith(".test.ts"))
    .filter((name) => !unfit.includes(basename(name, ".test.ts")))
    .sort()
    .map((name) => `${folder}/${name}`);
  return [...own, ...beside];
}
