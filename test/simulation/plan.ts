import { BACKWARD } from "./backward.ts";
import { createChance } from "./chance.ts";
import { COMPOSED } from "./composed.ts";
import { DOUBTFUL } from "./doubtful.ts";
import { RECEIVERS, type Receiver } from "./relay.ts";
import { RELEASED } from "./released.ts";
import { VENDORS } from "./vendors.ts";
import { hearsEvents } from "./webhook.ts";
import { WORKLOADS, type WorkloadName } from "./workload.ts";

/** Every way in which the world may misbehave. */
export const FAULTS = [
  "lose-answer",
  "lose-request",
  "refuse",
  "late-answer",
  "late-commit",
  "crash-before",
  "crash-after",
  "pause",
  "defer",
  "outage",
  "skew",
  "stall",
  "throw",
  "failover",
] as const;
export type Fault = (typeof FAULTS)[number];

/** One operation of a history, and the clients who ask for it. */
export interface PlannedOperation {
  readonly label: string;
  readonly scope: string;
  readonly key: string;
  readonly workload: WorkloadName;
  readonly clients: readonly PlannedClient[];
}

export interface PlannedClient {
  /** `other` sends another payload under the same key. */
  readonly variant: "same" | "other";
  /** How often it sends, answers or not. */
  readonly sends: number;
  readonly waitMs: number;
  readonly door: boolean;
  /** How often it sends again after a passing answer, while the faults last. */
  readonly retries?: number;
  /** The process that each of its requests goes to; drawn where it says nothing. */
  readonly route?: readonly (number | undefined)[];
}

/** What a seed draws before anything runs: the swarm's own mixture of faults and work. */
export interface Plan {
  readonly nodes: number;
  /** How likely a worker passes at each step. */
  readonly workerRate: number;
  /** How often the call that every process makes at its start may fail at all. */
  readonly namespaceRate: number;
  readonly rates: Readonly<Record<Fault, number>>;
  readonly budget: number;
  readonly steps: number;
  readonly attemptsMax: number;
  readonly responseMs: number;
  /** One client, one operation and one or two lost answers: answered as if nothing was. */
  readonly calm: boolean;
  readonly operations: readonly PlannedOperation[];
  /** When events are handled, where the provider sends any: by a worker, or as they come. */
  readonly events?: "queued" | "inline";
  /** Whether it also tells of a charge that nobody here has made. */
  readonly stranger?: boolean;
  /** Who gets the messages, if they are sent at all. */
  readonly receiver?: Receiver;
  /** Whether two releases of the handlers run side by side. */
  readonly deploys?: boolean;
  /** Whether the newer one is also of a later release of the library. */
  readonly next?: boolean;
}

/** Whose doubts and ways back take longer than a plain charge. */
const DEEP = [DOUBTFUL, VENDORS, BACKWARD, COMPOSED] as const;
const CALM_FAULTS: readonly Fault[] = ["lose-answer", "lose-request", "refuse"];
const DAY_MS = 86_400_000;

/** What a campaign looks for. */
export interface Aim {
  /** The only ones to draw from. */
  readonly workloads?: readonly WorkloadName[] | undefined;
  /** Whether every history sends its messages, and not only a few. */
  readonly relays?: boolean | undefined;
  /** Whether the store of every history may fail over, and not only that of a few. */
  readonly failover?: boolean | undefined;
  /** Whether a later release of the library runs beside this one. */
  readonly next?: boolean | undefined;
}

export function drawPlan(seed: number, aim: Aim = {}): Plan {
  const { workloads, failover = false, relays = false, next = false } = aim;
  const chance = createChance(seed, "plan");
  const calm = chance.hit(0.12);
  const rates = Object.fromEntries(
    FAULTS.filter((fault) => fault !== "failover").map((fault) => {
      const there = calm ? CALM_FAULTS.includes(fault) : chance.hit(0.45);
      return [fault, there ? chance.pick([0.02, 0.05, 0.1, 0.25]) : 0];
    }),
  ) as Record<Fault, number>;
  const count = calm || chance.hit(0.7) ? 1 : 2;
  const operations = Array.from({ length: count }, (_, index): PlannedOperation => {
    // The probe is asked after a crash only, so its workload is drawn more often.
    const often = chance.hit(0.05) ? "opaque-probe" : chance.pick(WORKLOADS);
    const workload = workloads ? chance.pick(workloads) : often;
    const clients = calm ? 1 : 1 + chance.below(3);
    return {
      // Two operations with equal keys belong to two scopes, and must not see each other.
      ...{ label: `acct_${index}/order-1`, scope: `acct_${index}`, key: "order-1", workload },
      clients: Array.from({ length: clients }, (__, number) => ({
        variant: number > 0 && chance.hit(0.2) ? "other" : "same",
        sends: calm ? 1 : 1 + chance.below(3),
        waitMs: calm ? 3_000 : chance.pick([0, 300, 1_000]),
        door: chance.hit(0.5),
      })),
    };
  });
  // What follows a doubt comes late, and would else meet a world without faults.
  const hears = hearsEvents({ operations });
  const deep =
    !calm && (hears || operations.some(({ workload }) => DEEP.some((list) => workload in list)));
  return {
    rates: { ...rates, failover: calm ? 0 : drawFailover(seed, failover) },
    ...{ calm, operations },
    workerRate: hears ? 0.07 : deep ? 0.12 : 0.03,
    namespaceRate: 0.1,
    nodes: calm ? 1 : 1 + chance.below(3),
    budget: calm
      ? 1 + chance.below(2)
      : chance.pick(hears ? [6, 12, 18] : deep ? [4, 8, 16] : [0, 1, 2, 3, 4, 6, 8]),
    steps: (hears ? 400 : deep ? 200 : 60) + chance.below(120),
    attemptsMax: chance.hit(0.85) ? 20 : 3,
    responseMs: !calm && chance.hit(0.1) ? 1_500 : 7 * DAY_MS,
    ...(hears
      ? { events: chance.pick(["queued", "inline"] as const), stranger: chance.hit(0.2) }
      : {}),
    ...(calm ? {} : drawReceiver(seed, relays)),
    ...(next || operations.some(({ workload }) => workload in RELEASED) ? { deploys: true } : {}),
    ...(next ? { next } : {}),
  };
}

/** Drawn apart, because it is so seldom that the other draws of a seed need not know of it. */
function drawFailover(seed: number, always: boolean): number {
  const chance = createChance(seed, "failover");
  return chance.hit(0.12) || always ? chance.pick([0.01, 0.03]) : 0;
}

function drawReceiver(seed: number, always: boolean): { readonly receiver?: Receiver } {
  const chance = createChance(seed, "receiver");
  if (!chance.hit(0.12) && !always) return {};
  return { receiver: chance.pick(Object.keys(RECEIVERS) as Receiver[]) };
}
