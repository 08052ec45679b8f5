import { parseArgs } from "node:util";
import { compareMany } from "../test/refinement/campaign.ts";
import { tellDifference } from "../test/refinement/comparison.ts";
import { DRIVERS, type DriverName } from "../test/refinement/lanes.ts";
import {
  type Ground,
  pgGround,
  pgliteGround,
  postgresJsGround,
  SQLITE_KINDS,
  sqliteGround,
} from "../test/refinement/places.ts";
import { openTrack, tellRace } from "../test/refinement/race.ts";
import { openGround } from "./ground.ts";
import { Misused } from "./misused.ts";

interface Task {
  readonly seed: number;
  readonly from: number;
  readonly ms: number;
  readonly sequences: number;
}

/** What a store came to: how many were right, and how the first wrong one reads. */
interface Told {
  readonly sequences: number;
  readonly calls: number;
  readonly wrong?: string;
}

type Proof = (task: Task, url: () => Promise<string>) => Promise<Told>;

const PROOFS: Readonly<Record<string, Proof>> = {
  ...Object.fromEntries(
    Object.entries(SQLITE_KINDS).map(([name, kind]): [string, Proof] => [
      name,
      (task) => over(sqliteGround(kind), task),
    ]),
  ),
  PGlite: async (task) => over(await pgliteGround(), task),
  pg: async (task, url) => over(pgGround(await url()), task),
  "postgres.js": async (task, url) => over(postgresJsGround(await url()), task),
  ...Object.fromEntries(
    DRIVERS.map((driver): [string, Proof] => [
      `races on ${driver}`,
      async (task, url) => race(await url(), driver, task),
    ]),
  ),
};

/** Memory against each store, and statements side by side. @returns the exit code */
export async function proveRefinement(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      from: { type: "string", default: "0" },
      sequences: { type: "string", default: "1000000000" },
      store: { type: "string" },
    },
  });
  const [minutes = 0, seed = 0, from = 0, sequences = 0] = [
    ...[values.minutes, values.seed, values.from, values.sequences].map(Number),
  ];
  const names = Object.keys(PROOFS).filter((name) => [undefined, name].includes(values.store));
  if (!(minutes > 0 && seed >= 0 && from >= 0 && sequences > 0) || names.length === 0) {
    throw new Misused(`This makes no sense. The stores are: ${Object.keys(PROOFS).join(", ")}.`);
  }
  const task = { seed, from, sequences, ms: (minutes * 60_000) / names.length };
  return all(names, task);
}

async function all(names: readonly string[], task: Task): Promise<number> {
  const ground = await openGround("postgres");
  const url = async (): Promise<string | undefined> => ground?.database();
  let wrongs = 0;
  console.log("| store | sequences | calls | seconds | |\n| --- | --- | --- | --- | --- |");
  try {
    for (const name of names) {
      const began = performance.now();
      const told = await tryOne(name, task, url);
      const seconds = Math.round((performance.now() - began) / 1_000);
      const word = told.wrong === undefined ? "agrees" : "DIFFERS";
      console.log(`| ${name} | ${told.sequences} | ${told.calls} | ${seconds} | ${word} |`);
      if (told.wrong === undefined) continue;
      wrongs += 1;
      const from = task.from + told.sequences - 1;
      console.log(`\n${told.wrong}\n\nRepeat it with:`);
      console.log(
        `npm run prove -- refinement --store "${name}" --seed ${task.seed} --from ${from}`,
      );
    }
  } finally {
    await ground?.close();
  }
  return wrongs === 0 ? 0 : 1;
}

async function tryOne(
  name: string,
  task: Task,
  url: () => Promise<string | undefined>,
): Promise<Told> {
  const proof = PROOFS[name];
  if (proof === undefined) throw new Error(`There is no store ${name}.`);
  return proof(task, async () => {
    const made = await url();
    if (made === undefined) throw new Error("There is no PostgreSQL server.");
    return made;
  });
}

async function over(ground: Ground, task: Task): Promise<Told> {
  try {
    const { sequences, calls, found } = await compareMany(ground.open, task.seed, task);
    return { sequences, calls, ...(found === undefined ? {} : { wrong: tellDifference(found) }) };
  } finally {
    await ground.close();
  }
}

async function race(
  url: string,
  driver: DriverName,
  { seed, from, ms, sequences }: Task,
): Promise<Told> {
  const track = await openTrack(url, driver);
  const began = performance.now();
  let [index, calls] = [from, 0];
  try {
    for (; index - from < sequences && performance.now() - began < ms; index += 1) {
      const outcome = await track.run(seed, index);
      calls += outcome.race.calls.length;
      if (!outcome.isExplained)
        return { sequences: index - from + 1, calls, wrong: tellRace(outcome) };
    }
    return { sequences: index - from, calls };
  } finally {
    await track.close();
  }
}
