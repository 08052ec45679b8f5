import { createChance } from "../simulation/chance.ts";
import { type FaultPoint, faultPoints } from "./fault-points.ts";
import { type Lane, openLane, type Trial } from "./lane.ts";
import type { Scene } from "./scene.ts";
import type { Tally } from "./tally.ts";

export interface CampaignOptions {
  /** Opens a database and a provider for one lane. */
  readonly open: () => Promise<Scene>;
  /** How many things go wrong side by side, each in a world of its own. */
  readonly lanes: number;
  readonly seed: number;
  readonly ms: number;
  /** Called with every trial. */
  readonly tell: (trials: number) => void;
}

/** An operation that broke a promise, with what tells why. */
export interface Broken {
  readonly fault: string;
  readonly trial: Trial;
  readonly record: unknown;
  readonly ledger: unknown;
}

/**
 * Goes through all fault points again and again until the time is up or something breaks.
 * Every point is met at least once, whatever the time.
 */
export async function campaign(
  options: CampaignOptions,
): Promise<{ readonly tallies: readonly Tally[]; readonly broken: Broken | undefined }> {
  const lanes = await Promise.all(
    Array.from({ length: options.lanes }, async () => openLane(await options.open())),
  );
  try {
    const [first] = lanes;
    if (first === undefined) throw new Error("A campaign has at least one lane.");
    const points = await faultPoints(first);
    const tallies = points.map(({ name, unpaid = false }): Tally => ({ name, unpaid, trials: [] }));
    const chance = createChance(options.seed);
    const end = performance.now() + options.ms;
    let broken: Broken | undefined;
    let next = 0;
    let done = 0;
    const drive = async (lane: Lane): Promise<void> => {
      while (broken === undefined && (next < points.length || performance.now() < end)) {
        const number = next;
        next += 1;
        const point = points[number % points.length] as FaultPoint;
        const trial = await point.run(lane, `key-${number}`, chance);
        if (trial === undefined) continue;
        tallies[number % points.length]?.trials.push(trial);
        done += 1;
        options.tell(done);
        if (isRight(point, trial)) continue;
        const { scene } = lane;
        const [record, ledger] = [await scene.record(trial.key), await scene.charges(trial.key)];
        broken ??= { fault: point.name, trial, record, ledger };
      }
    };
    await Promise.all(lanes.map(drive));
    return { tallies, broken };
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

/** One charge, one order, one answer; or, where nobody can know, at most a charge and a person. */
function isRight({ unpaid = false }: FaultPoint, trial: Trial): boolean {
  const { charges, orders, state, answers } = trial;
  if (unpaid && state === "in_doubt, for a person") return charges <= 1 && orders === 0;
  return charges === 1 && orders === 1 && state === "succeeded" && answers === 1;
}
