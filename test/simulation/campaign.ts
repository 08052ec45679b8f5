import { createHash } from "node:crypto";
import { check, type Violation } from "./checker.ts";
import type { Code } from "./code.ts";
import type { History } from "./history.ts";
import type { Aim } from "./plan.ts";
import { type DriverName, type SimulateOptions, simulate } from "./simulation.ts";

/** What a seed draws its history with. */
export type Drawing = Pick<SimulateOptions, keyof Aim | "driver">;

/** What many histories came to. */
export interface Campaign {
  histories: number;
  faults: number;
  /** Whoever chose in these histories, if it is not both in turn. */
  readonly driver: DriverName | undefined;
  /** How often each port's method met each fault. */
  readonly met: Map<string, number>;
  /** By workload: operations planned, ended as they should, and left in doubt. */
  readonly ends: Map<string, { planned: number; final: number; doubt: number }>;
}

export interface Finding {
  readonly history: History;
  readonly violations: readonly Violation[];
}

export function createCampaign(driver?: DriverName): Campaign {
  return { driver, histories: 0, faults: 0, met: new Map(), ends: new Map() };
}

/** Adds what others have explored. */
export function merge(sum: Campaign, parts: readonly Campaign[]): Campaign {
  for (const { histories, faults, met, ends } of parts) {
    sum.histories += histories;
    sum.faults += faults;
    for (const [name, count] of met) sum.met.set(name, (sum.met.get(name) ?? 0) + count);
    for (const [name, { planned, final, doubt }] of ends) {
      const end = endOf(sum, name);
      end.planned += planned;
      end.final += final;
      end.doubt += doubt;
    }
  }
  return sum;
}

function endOf(
  { ends }: Campaign,
  workload: string,
): { planned: number; final: number; doubt: number } {
  const end = ends.get(workload) ?? { planned: 0, final: 0, doubt: 0 };
  ends.set(workload, end);
  return end;
}

/** Runs one seed, adds it to the campaign, and says what it broke. */
export async function explore(
  code: Code,
  seed: number,
  campaign: Campaign = createCampaign(),
  aim: Aim = {},
): Promise<Finding | undefined> {
  const { history, met } = await simulate(code, seed, { ...aim, driver: campaign.driver });
  campaign.histories += 1;
  campaign.faults += history.faults;
  for (const [name, count] of met) campaign.met.set(name, (campaign.met.get(name) ?? 0) + count);
  for (const [index, { workload }] of history.plan.operations.entries()) {
    const end = endOf(campaign, workload);
    const state = history.remains[index]?.record?.state;
    end.planned += 1;
    if (state === "succeeded" || state === "failed") end.final += 1;
    if (state === "in_doubt") end.doubt += 1;
  }
  const violations = check(history);
  return violations.length === 0 ? undefined : { history, violations };
}

/** Explores seed after seed from 1 until one breaks something. */
export async function hunt(
  code: Code,
  seeds: number,
  campaign: Campaign = createCampaign(),
  aim: Aim = {},
): Promise<Finding | undefined> {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const found = await explore(code, seed, campaign, aim);
    if (found) return shrink(code, found, { ...aim, driver: campaign.driver });
  }
  return undefined;
}

/** The same seed with as few faults as still break something. */
export async function shrink(code: Code, found: Finding, options: Drawing = {}): Promise<Finding> {
  let best = found;
  const skip = new Set<number>();
  for (let ordinal = 1; ordinal <= FAULT_ORDINALS_MAX; ordinal += 1) {
    const tried = new Set(skip).add(ordinal);
    const { history } = await simulate(code, found.history.seed, { ...options, skip: tried });
    const violations = check(history);
    if (violations.length === 0 || history.trace.count() > best.history.trace.count()) continue;
    skip.add(ordinal);
    best = { history, violations };
  }
  return best;
}

const FAULT_ORDINALS_MAX = 48;

/** A finding for a person: what broke, how it came to it, and how to see it again. */
export function describe(
  { history, violations }: Finding,
  { driver, workloads, failover, relays, next }: Drawing = {},
): string {
  const told =
    (driver === undefined ? "" : ` --driver ${driver}`) +
    (workloads === undefined ? "" : ` --workloads ${workloads.join()}`) +
    (failover ? " --failover" : "") +
    (relays ? " --relays" : "") +
    (next ? " --next" : "");
  return [
    ...violations.map(({ rule, detail }) => `Broken: ${rule}: ${detail}`),
    ...history.trace.lines().map((line) => `  ${line}`),
    `Repeat it with: npm run prove -- --seed ${history.seed} --histories 1${told}`,
  ].join("\n");
}

/** A digest of all that happened, to prove that a seed repeats. */
export function digestOf({ trace, facts, charges, orders }: History): string {
  const text = JSON.stringify([trace.lines(), facts, charges, orders]);
  return createHash("sha256").update(text).digest("hex");
}
