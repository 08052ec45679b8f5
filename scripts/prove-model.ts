import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { Misused } from "./misused.ts";

const MODEL: string = join(import.meta.dirname, "../spec/operation.pml");
const SEARCH_MS = 600_000;
const OUTPUT_BYTES_MAX = 64 * 1_024 * 1_024;

/** What it means that an assertion of the model breaks. */
const LOSSES: readonly (readonly [RegExp, string])[] = [
  [/effects<=1/, "the effect happened twice"],
  [/orders<=1/, "the order was written twice"],
  [/outcome==/, "there was a second outcome"],
  [/invalid end state/, "a run stands still"],
  [/outcome!=/, "the effect happened after its failure was told"],
  [/effects==0/, "it failed while the effect stands"],
  [/result==/, "it succeeded, and its record knows of no effect"],
  [/state==/, "a final operation changed"],
  [/acceptance cycle/, "it never ends"],
];

const run = promisify(execFile);

/** What the model is compiled with: macros, as the preprocessor takes them. */
export interface Configuration {
  readonly name: string;
  readonly defines: readonly string[];
  /** Searches for a run that never ends, instead of a broken assertion. */
  readonly liveness?: true;
}

/** What a search came to. */
export interface Search {
  readonly states: number;
  readonly seconds: number;
  readonly megabytes: number;
  /** Whether every reachable state was seen. */
  readonly complete: boolean;
  /** The property that broke; undefined if none did. */
  readonly broken: string | undefined;
  /** Steps of the counterexample. */
  readonly steps: number;
  /** Lines of the rules and of the process that no run came to. */
  readonly unreached: ReadonlySet<string>;
}

const RESUMABLE = "resumable, ";
const KEYLESS = "-DKEYED=0";
const OPAQUE = "-DFORM=form_opaque";
const FAILOVER = ["-DFAILOVER", "-DWORDS=0"];
const QUIETLY = [...FAILOVER, "-DTROUBLES=0"];
const TWICE = [...QUIETLY, "-DFAILOVERS=2"];
const LATE_PROOF = ["-DLATE_PROOF", "-DLOOK_UP=2"];

/** What a mutant is searched with, unless it says otherwise: the last one counts. */
const SMALL = ["-DTROUBLES=1", "-DWORDS=0"];

export const CONFIGURATIONS: readonly Configuration[] = [
  { name: `${RESUMABLE}keyed`, defines: ["-DTROUBLES=1"] },
  { name: `${RESUMABLE}keyed, absence proves`, defines: ["-DLOOK_UP=2", "-DTROUBLES=1"] },
  { name: `${RESUMABLE}keyless, look-up`, defines: [KEYLESS, "-DLOOK_UP=1"] },
  { name: `${RESUMABLE}keyless`, defines: [KEYLESS] },
  { name: "opaque, doubt", defines: [OPAQUE, KEYLESS] },
  { name: "opaque, probe", defines: [OPAQUE, KEYLESS, "-DAFTER_CRASH=crash_probe"] },
  { name: "atomic", defines: ["-DFORM=form_atomic"] },
  { name: "a late proof", defines: [...LATE_PROOF, "-DTROUBLES=1", "-DWORDS=0"] },
  { name: "failover, keyed", defines: [...FAILOVER, "-DTROUBLES=1"] },
  { name: "failover, keyed, absence proves", defines: [...QUIETLY, "-DLOOK_UP=2"] },
  {
    name: "failover, keyless, look-up",
    defines: [...FAILOVER, "-DTROUBLES=1", KEYLESS, "-DLOOK_UP=1"],
  },
  { name: "failover, keyless", defines: [...FAILOVER, "-DTROUBLES=1", KEYLESS] },
  { name: "failover, opaque, doubt", defines: ["-DFAILOVER", OPAQUE, KEYLESS] },
  {
    name: "failover, opaque, probe",
    defines: [...FAILOVER, "-DTROUBLES=1", OPAQUE, KEYLESS, "-DAFTER_CRASH=crash_probe"],
  },
  { name: "two failovers, keyed", defines: TWICE },
  { name: "two failovers, keyed, absence proves", defines: [...TWICE, "-DLOOK_UP=2"] },
  {
    name: "two failovers, keyless, look-up",
    defines: [...TWICE, "-DTROUBLES=1", KEYLESS, "-DLOOK_UP=1"],
  },
  { name: "two failovers, keyless", defines: [...TWICE, "-DTROUBLES=1", KEYLESS] },
  { name: "two failovers, opaque, doubt", defines: [...TWICE, "-DTROUBLES=1", OPAQUE, KEYLESS] },
  {
    name: "two failovers, opaque, probe",
    defines: [...TWICE, "-DTROUBLES=1", OPAQUE, KEYLESS, "-DAFTER_CRASH=crash_probe"],
  },
  { name: "ends, keyed", defines: ["-DLIVENESS", "-DTROUBLES=1", "-DWORDS=0"], liveness: true },
  {
    name: "ends, keyless, look-up",
    defines: ["-DLIVENESS", "-DTROUBLES=1", "-DWORDS=0", KEYLESS, "-DLOOK_UP=1"],
    liveness: true,
  },
];

/** Rules that stand between a fault and lost money: without any one of them, something is lost. */
export const MUTANTS: readonly Configuration[] = [
  { name: "no fence", defines: ["-DNO_FENCE", KEYLESS] },
  { name: "a take-over under the same fence", defines: ["-DSAME_FENCE", KEYLESS] },
  { name: "a lease on the holder's own clock", defines: ["-DLOCAL_LEASE"] },
  { name: "the settle outside of the transaction", defines: ["-DSETTLE_OUTSIDE"] },
  { name: "the send before its commit", defines: ["-DBEGIN_AFTER_SEND", KEYLESS] },
  { name: "a miss taken as proof", defines: ["-DMISS_IS_PROOF", "-DLOOK_UP=1", KEYLESS] },
  { name: "a miss taken as proof, keyed", defines: ["-DMISS_IS_PROOF", "-DLOOK_UP=2"] },
  { name: "a provider key per attempt", defines: ["-DKEY_PER_ATTEMPT"] },
  { name: "a resend past the retention", defines: ["-DNO_RETENTION"] },
  { name: "a send without a send-by", defines: ["-DNO_SEND_BY", "-DLOOK_UP=2"] },
  { name: "a watch for sleep that begins late", defines: ["-DLATE_WATCH"] },
  { name: "a refusal that lowers a doubt", defines: ["-DLOWERED_DOUBT", "-DATTEMPTS_MAX=3"] },
  { name: "failed over a standing effect", defines: ["-DFAIL_OVER_EFFECT"] },
  { name: "a settle over an unfinished step", defines: ["-DSETTLE_UNFINISHED"] },
  { name: "the record deleted on a throw", defines: ["-DDELETE_ON_THROW"] },
  { name: "a live key pruned", defines: ["-DPRUNE_LIVE", KEYLESS] },
  { name: "tombstones without a horizon", defines: ["-DNO_HORIZON"] },
  { name: "a wrapped handler run again", defines: ["-DRERUN_AFTER_CRASH", OPAQUE, KEYLESS] },
  { name: "a claim known by its fence alone", defines: [...QUIETLY, "-DFENCE_ALONE", KEYLESS] },
  { name: "a write that names nothing seen", defines: [...QUIETLY, "-DSEEN_UNNAMED"] },
  { name: "a proof that names no sends", defines: [...LATE_PROOF, "-DSENDS_UNNAMED"] },
  { name: "a resend of an old step, lost commits", defines: [...QUIETLY, "-DREPLAY_UNASKED"] },
  { name: "a send after a refused one, the same", defines: [...QUIETLY, "-DFIRST_ALONE_ASKS"] },
  {
    name: "a miss before a forgotten send lands",
    defines: [...QUIETLY, "-DQUIET_OF_THE_RECORD", "-DLOOK_UP=2"],
  },
  { name: "a record of the second history, trusted", defines: [...TWICE, "-DFIRST_HISTORY"] },
  {
    name: "a renewal beyond runUntil",
    defines: ["-DENDLESS_RENEWAL", "-DLIVENESS"],
    liveness: true,
  },
].map(
  (mutant) => ({ ...mutant, defines: ["-DMONEY", ...SMALL, ...mutant.defines] }) as Configuration,
);

/** Searches the whole model, and then refutes each of its mutants. @returns the exit code */
export async function proveModel(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: "string" }, troubles: { type: "string" } },
  });
  const { troubles } = values;
  if (troubles !== undefined && !/^[0-9]$/.test(troubles))
    throw new Misused("Those are no troubles.");
  const budget = troubles === undefined ? [] : [`-DTROUBLES=${troubles}`];
  const chosen = ({ name }: Configuration): boolean =>
    values.only === undefined || name === values.only;
  const [honest, mutants] = [
    CONFIGURATIONS.filter(chosen).map((one) => withBudget(one, budget)),
    MUTANTS.filter(chosen),
  ];
  if (honest.length + mutants.length === 0) throw new Misused("No such model.");
  if (!((await hasTools()) || (await installTools()))) {
    console.warn("SKIPPED: there is no spin with a C compiler: install the packages spin and gcc.");
    return 0;
  }
  const held = honest.length === 0 || (await showHonest(honest, values.only === undefined));
  const refuted = mutants.length === 0 || (await showMutants(mutants));
  return held && refuted ? 0 : 1;
}

function withBudget(one: Configuration, budget: readonly string[]): Configuration {
  if (budget.length === 0) return one;
  const others = one.defines.filter((define) => !define.startsWith("-DTROUBLES"));
  return { ...one, defines: [...others, ...budget] };
}

/** @returns whether every property holds and every rule was met */
async function showHonest(honest: readonly Configuration[], whole: boolean): Promise<boolean> {
  console.log("| the model | states | seconds | MB | |\n| --- | --- | --- | --- | --- |");
  let held = true;
  let dead: ReadonlySet<string> | undefined;
  for (const configuration of honest) {
    const found = await search(configuration);
    const { states, seconds, megabytes, complete, broken, steps } = found;
    const right = complete && broken === undefined;
    const word = broken === undefined ? (complete ? "holds" : "not complete") : broken;
    const after = broken === undefined ? "" : ` after ${steps} steps`;
    const { name } = configuration;
    console.log(`| ${name} | ${states} | ${seconds} | ${megabytes} | ${word}${after} |`);
    held &&= right;
    // What the liveness model leaves out on purpose says nothing of the rules.
    if (configuration.liveness) continue;
    const before = dead;
    dead = new Set([...found.unreached].filter((line) => before?.has(line) !== false));
  }
  if (!whole || dead === undefined || dead.size === 0) return held;
  console.log(`\nNo run came to: ${[...dead].join(", ")}`);
  return false;
}

/** @returns whether each of them is refuted */
async function showMutants(mutants: readonly Configuration[]): Promise<boolean> {
  console.log("\n| without the rule | steps to the loss | what is lost |\n| --- | --- | --- |");
  let refuted = true;
  for (const mutant of mutants) {
    const { broken, steps } = await search(mutant, true);
    console.log(`| ${mutant.name} | ${steps} | ${broken ?? "NOTHING: not refuted"} |`);
    refuted &&= broken !== undefined;
  }
  return refuted;
}

/** Whether the machine has spin and a C compiler. */
export async function hasTools(): Promise<boolean> {
  return (await isOnPath("spin")) && (await isOnPath("gcc"));
}

async function isOnPath(program: string): Promise<boolean> {
  for (const place of (process.env["PATH"] ?? "").split(delimiter)) {
    const found = await access(join(place, program)).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

async function installTools(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["update"], { env });
    const packages = ["spin", "gcc", "libc6-dev"];
    await run("apt-get", ["install", "--yes", "--no-install-recommends", ...packages], { env });
  } catch {
    return false;
  }
  return hasTools();
}

/**
 * One exhaustive search.
 *
 * @param shortest whether to look in the order of length, which takes more memory
 */
export async function search(
  { defines, liveness }: Configuration,
  shortest = false,
): Promise<Search> {
  const cwd = await mkdtemp(join(tmpdir(), "nevertwice-model-"));
  try {
    await run("spin", ["-a", ...defines, MODEL], { cwd });
    const safety = liveness ? ["-DNFAIR=4"] : ["-DSAFETY", ...(shortest ? ["-DBFS"] : [])];
    const flags = [shortest ? "-O0" : "-O1", "-w", "-DCOLLAPSE", "-DVECTORSZ=512", ...safety];
    await run("gcc", [...flags, "-o", "pan", "pan.c"], { cwd });
    const how = liveness ? ["-a", "-f"] : [];
    const limits = ["-w22", ...(shortest && !liveness ? [] : ["-m8000000"])];
    const { stdout } = await run(join(cwd, "pan"), [...how, ...limits], {
      cwd,
      timeout: SEARCH_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    return readSearch(stdout, await readFile(MODEL, "utf8"));
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** What the search printed. */
function readSearch(text: string, model: string): Search {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const errors = number(/errors: (\d+)/);
  const property = /^pan:1: (.+?) \(at depth (\d+)\)/m.exec(text);
  const incomplete = /Search not completed|max search depth too small|out of memory/.test(text);
  return {
    states: number(/([\d.e+]+) nominal states/) || number(/([\d.e+]+) states, stored/),
    seconds: number(/elapsed time ([\d.e+]+) seconds/),
    megabytes: Math.round(number(/([\d.]+)\s+total actual memory usage/)),
    complete: errors === 0 && !incomplete,
    broken: errors === 0 ? undefined : lossOf(property?.[1] ?? "nothing was searched"),
    steps: Number(property?.[2] ?? 0),
    unreached: unreachedLines(text, model),
  };
}

function lossOf(property: string): string {
  return LOSSES.find(([pattern]) => pattern.test(property))?.[1] ?? property;
}

/** Each line of these stands for one place in the process; the others are used many times. */
function unreachedLines(text: string, model: string): ReadonlySet<string> {
  const all = model.split("\n");
  const rulesFrom = all.indexOf("inline decideReplay() {");
  const lines = new Set<string>();
  for (const [, file = "", line = ""] of text.matchAll(/(\w+)\.pml:(\d+), state \d+, /g)) {
    const isRule = file === "operation" && Number(line) > rulesFrom && Number(line) < all.length;
    if (isRule || file === "worker") lines.add(`${file}.pml:${line}`);
  }
  return lines;
}
