import type { Chance } from "./chance.ts";
import { FAULTS, type Fault, type FaultPlan } from "./fault.ts";

/** Somebody who wants one request done. */
export interface PlannedClient {
  /** The place of its request in the list. */
  readonly request: number;
  /** When it comes, in milliseconds from the start; a late duplicate comes after the outcome. */
  readonly startMs: number;
  /** How often it sends although it was answered. */
  readonly sends: number;
  readonly waitMs: number;
}

/** What a history draws before anything runs: its own mixture of faults and clients. */
export interface Plan extends FaultPlan {
  readonly nodes: number;
  readonly clients: readonly PlannedClient[];
  /** How likely a worker passes before each step. */
  readonly workerRate: number;
  /** After so many steps nothing fails any more. */
  readonly steps: number;
}

const REQUESTS_MAX = 4;
const CLIENTS_MAX = 3;
/** The share of calls that fail is bounded, so that most of a history goes well. */
const RATES_MAX = 0.3;

/**
 * Draws as many numbers whatever they are, so that a shorter history may leave clients out and keep
 * the rest.
 *
 * @param requests how many there are to ask for
 * @param failover whether the store may forget its newest commits
 */
export function drawPlan(chance: Chance, requests: number, failover: boolean): Plan {
  const first = chance.below(requests);
  const count = 1 + chance.below(Math.min(requests, REQUESTS_MAX));
  const nodes = 1 + chance.below(3);
  const drawn = Array.from({ length: REQUESTS_MAX }, (_, index) => {
    const request = (first + index) % requests;
    return drawClients(chance, request).slice(0, 1 + chance.below(CLIENTS_MAX));
  });
  const rates = ratesOf((fault) => {
    if (fault === "failover" && !failover) return 0;
    const rate = chance.pick([0, 0, 0.02, 0.05, 0.1, 0.25]);
    return fault === "skew" || fault === "failover" ? rate / 5 : rate;
  });
  const budget = chance.pick([1, 2, 4, 8]);
  const steps = 60 + chance.below(140);
  const clients = drawn.slice(0, count).flat();
  return { nodes, clients, rates, budget, steps, workerRate: 0.03 };
}

function drawClients(chance: Chance, request: number): PlannedClient[] {
  return Array.from({ length: CLIENTS_MAX }, () => {
    const startMs = chance.pick([0, 0, 100, 700, 3_000]);
    const waitMs = chance.pick([1_000, 300, 0]);
    return { request, startMs, waitMs, sends: 1 + chance.below(2) };
  });
}

/** Every request once, one client each, and nothing fails. */
export function calmPlan(requests: number): Plan {
  const clients = Array.from({ length: requests }, (_, request) => ({
    ...{ request, startMs: 0, sends: 2, waitMs: 1_000 },
  }));
  return { nodes: 1, clients, rates: ratesOf(() => 0), budget: 0, steps: 0, workerRate: 0 };
}

function ratesOf(rateOf: (fault: Fault) => number): Record<Fault, number> {
  const drawn = FAULTS.map((fault) => [fault, rateOf(fault)] as const);
  const sum = drawn.reduce((total, [, rate]) => total + rate, 0);
  const scale = Math.min(1, RATES_MAX / sum);
  const scaled = drawn.map(([fault, rate]) => [fault, sum === 0 ? 0 : rate * scale]);
  return Object.fromEntries(scaled) as Record<Fault, number>;
}
