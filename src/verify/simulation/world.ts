import type { SettingsOptions } from "../../core/settings.ts";
import type { MaybePromise } from "../../model/answer.ts";
import { type MemoryStoreOptions, memoryStore } from "../../stores/memory/store.ts";
import type { Chance } from "./chance.ts";
import { type Client, startClient } from "./client.ts";
import { createLuck } from "./fault.ts";
import { createNode } from "./node.ts";
import { drawPlan, type Plan } from "./plan.ts";
import {
  type Ground,
  type Process,
  SETTINGS,
  type SimulatedProcess,
  startProcess,
} from "./process.ts";
import { createBank, type ProviderOptions } from "./provider.ts";
import type { AnyRequest, Operations } from "./request.ts";
import type { Verdict, WorldAtRest } from "./rest.ts";
import { createScheduler } from "./scheduler.ts";

/** What the user simulates, without the types that only its author sees. */
export interface Subject {
  readonly build: (process: SimulatedProcess<never>) => Operations;
  readonly requests: readonly AnyRequest[];
  readonly invariant: (world: WorldAtRest<never>) => MaybePromise<Verdict>;
  readonly outside: () => unknown;
  readonly provider: ProviderOptions;
  readonly doubts: "refused" | "allowed";
  readonly settings: SettingsOptions;
  /** What the store's tables make of planned statements. */
  readonly tables: Pick<MemoryStoreOptions, "write">;
  /** Whether the store may forget its newest commits. */
  readonly failover: boolean;
}

/** What a history of the subject draws first. */
export function planOf({ requests, failover }: Subject, chance: Chance): Plan {
  return drawPlan(chance, requests.length, failover);
}

/** Processes, clients, store, provider and time of one history. */
export interface World extends Ground {
  readonly subject: Subject;
  readonly plan: Plan;
  readonly chance: Chance;
  readonly processes: Process[];
  readonly clients: Client[];
  /** Brings back what a copy of the store has, and how often that was done. */
  back: (() => void) | undefined;
  failovers: number;
  addClient(request: AnyRequest, given: Parameters<typeof startClient>[3]): void;
}

const RETRIES_MAX = 3;

export function createWorld(subject: Subject, plan: Plan, chance: Chance): World {
  const { leaseMs = SETTINGS.leaseMs ?? 0 } = subject.settings;
  const luck = createLuck(plan, chance, leaseMs);
  const scheduler = createScheduler(chance, luck);
  const wall = { wall: scheduler.now, monotonic: scheduler.now };
  const idle = { sleep: () => new Promise<void>(() => {}), timer: () => () => undefined };
  const processes: Process[] = [];
  const clients: Client[] = [];
  const world: World = {
    ...{ subject, plan, chance, luck, scheduler, processes, clients },
    ...{ back: undefined, failovers: 0 },
    ...{ build: subject.build, settings: subject.settings, topics: new Set<string>() },
    seed: "simulation",
    raw: memoryStore({ clock: { ...wall, ...idle }, ...subject.tables }),
    bank: createBank(subject.provider),
    outside: subject.outside(),
    addClient(request, given) {
      const name = `client ${clients.length + 1}`;
      clients.push(startClient(world, name, request, given));
    },
  };
  for (let index = 0; index < plan.nodes; index += 1) {
    const node = createNode(`node ${index + 1}`);
    const start = (): Process =>
      startProcess(world, node, () => {
        processes[index] = start();
        for (const client of clients) client.lost(node);
      });
    processes.push(start());
  }
  for (const { request: place, ...given } of plan.clients) {
    const request = subject.requests[place];
    if (request) world.addClient(request, { ...given, retries: RETRIES_MAX });
  }
  return world;
}
