import { parseArgs } from "node:util";
import { createCampaign, describe, explore, shrink } from "../test/simulation/campaign.ts";
import { check } from "../test/simulation/checker.ts";
import { ownCode } from "../test/simulation/code.ts";
import { belowFloor, missed, table } from "../test/simulation/coverage.ts";
import { DRIVERS, type DriverName, simulate } from "../test/simulation/simulation.ts";

const USAGE =
  "npm run prove -- simulation [--minutes 5] [--seed 1] [--histories 1000] " +
  "[--driver swarm|priority]";
const MINUTES_DEFAULT = 1;
const PROGRESS_MS = 10_000;

interface Task {
  readonly seed: number;
  readonly minutes: number;
  readonly histories: number;
  /** Both in turn by default. */
  readonly driver: DriverName | undefined;
}

function readTask(args: readonly string[]): Task {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string" },
      seed: { type: "string" },
      histories: { type: "string" },
      driver: { type: "string" },
    },
  });
  const unlimited = String(Number.MAX_SAFE_INTEGER);
  const { histories = unlimited, seed = String(Date.now() % 1_000_000_000) } = values;
  const minutes = values.minutes ?? (values.histories ? unlimited : String(MINUTES_DEFAULT));
  const driver = DRIVERS.find((name) => name === values.driver);
  const task = {
    ...{ seed: Number(seed), minutes: Number(minutes), histories: Number(histories), driver },
  };
  if (driver !== values.driver) throw new Error(`The driver is not known. Usage: ${USAGE}`);
  if (!Number.isSafeInteger(task.seed) || !(task.minutes > 0) || !(task.histories > 0))
    throw new Error(`The numbers make no sense. Usage: ${USAGE}`);
  return task;
}

/** Prints one history whole, whether or not it breaks something. */
async function show({ seed, driver }: Task): Promise<number> {
  const { history } = await simulate(ownCode, seed, { strict: true, driver });
  const violations = check(history);
  console.log(describe({ history, violations }, driver));
  console.log(violations.length === 0 ? "It breaks nothing." : "It breaks a promise.");
  return violations.length === 0 ? 0 : 1;
}

/** Explores simulated histories of new seeds, or prints one. @returns the exit code */
export async function proveSimulation(args: readonly string[]): Promise<number> {
  const task = readTask(args);
  const { seed, minutes, histories, driver } = task;
  if (histories === 1) return show(task);
  const campaign = createCampaign(driver);
  const start = performance.now();
  let told = start;
  const rate = (): string => {
    const seconds = (performance.now() - start) / 1_000;
    return `${Math.round(campaign.histories / seconds)} a second`;
  };
  console.log(`Seeds from ${seed} on.`);
  while (campaign.histories < histories && performance.now() - start < minutes * 60_000) {
    const found = await explore(ownCode, seed + campaign.histories, campaign);
    if (found) {
      console.log(describe(await shrink(ownCode, found, { driver }), driver));
      return 1;
    }
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    console.log(`${campaign.histories} histories, ${rate()}, no violation`);
  }
  console.log(table(campaign));
  const unseen = missed(campaign);
  if (unseen.length > 0) console.log(`Never met: ${unseen.join(", ")}`);
  const low = belowFloor(campaign);
  if (low.length > 0) console.log(`Too few outcomes: ${low.join(", ")}`);
  const { faults } = campaign;
  console.log(`${campaign.histories} histories, ${faults} faults, ${rate()}, no violation`);
  return 0;
}
