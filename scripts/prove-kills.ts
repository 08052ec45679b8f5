import { parseArgs } from "node:util";
import { campaign } from "../test/crash/campaign.ts";
import { openScene } from "../test/crash/scene.ts";
import { tallyTable } from "../test/crash/tally.ts";
import { type Ground, openGround, readDatabases } from "./ground.ts";
import { Misused } from "./misused.ts";

const PROGRESS_MS = 10_000;

/** Every fault point on every database, with real processes. @returns the exit code */
export async function proveKills(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      db: { type: "string" },
      minutes: { type: "string", default: "3" },
      lanes: { type: "string", default: "3" },
      seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    },
  });
  const [minutes, lanes, seed] = [values.minutes, values.lanes, values.seed].map(Number);
  const databases = readDatabases(values.db);
  if (databases === undefined || !minutes || !lanes || !Number.isSafeInteger(seed))
    throw new Misused("This makes no sense.");
  console.log(`Seed ${seed}.`);
  for (const name of databases) {
    const ground = await openGround(name);
    if (ground === undefined) continue;
    try {
      const right = await proveOn(ground, { lanes, seed: seed ?? 0, ms: minutes * 60_000 });
      if (!right) return 1;
    } finally {
      await ground.close();
    }
  }
  return 0;
}

async function proveOn(
  ground: Ground,
  task: { readonly lanes: number; readonly seed: number; readonly ms: number },
): Promise<boolean> {
  const start = performance.now();
  let told = start;
  const tell = (trials: number): void => {
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    console.log(`${ground.name}: ${trials} runs after ${Math.round((told - start) / 1_000)} s`);
  };
  const open = async () => openScene(await ground.database());
  const { tallies, broken } = await campaign({ ...task, open, tell });
  console.log(`\n${ground.name}\n\n${tallyTable(tallies)}\n`);
  const unmet = tallies.filter(({ trials }) => trials.length === 0).map(({ name }) => name);
  if (unmet.length > 0) console.log(`Never met: ${unmet.join("; ")}`);
  if (broken !== undefined) console.dir({ broken }, { depth: 8 });
  return broken === undefined;
}
