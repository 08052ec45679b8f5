import type { Inbox } from "../../src/core/inbox/inbox.ts";
import type { Clock } from "../../src/model/clock.ts";
import { type RecordId, recordId } from "../../src/model/key.ts";
import { type Chance, createChance } from "./chance.ts";
import { type Client, startClients } from "./clients.ts";
import type { Code } from "./code.ts";
import { handsOf } from "./hands.ts";
import type { Charge, Fact } from "./history.ts";
import { aliveOf, never } from "./life.ts";
import type { Plan } from "./plan.ts";
import { declareRelays, type Mail } from "./relay.ts";
import { type Node, RELEASES, type Release, type Scheduler, START } from "./scheduler.ts";
import { createSender, type Sender } from "./sender.ts";
import { type SharedStore, watchedStore } from "./watched-store.ts";
import { declareInbox } from "./webhook.ts";
import { declare, type Perform, writeOrder } from "./workload.ts";

/** One process with its own instance of the library; a crash replaces the instance. */
export interface Process {
  readonly node: Node;
  asks: Map<string, Perform>;
  /** Where the provider's events arrive, if it sends any. */
  inbox: Inbox | undefined;
  /** One pass of recovery and pruning. */
  recover(): Promise<void>;
}

/** What all processes share: the store, the provider, and what is remembered of both. */
export interface World {
  readonly code: Code;
  readonly plan: Plan;
  /** The records of the planned operations, in their order. */
  readonly ids: readonly RecordId[];
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly raw: SharedStore;
  readonly processes: Process[];
  readonly facts: Fact[];
  readonly charges: Charge[];
  readonly mails: Mail[];
  readonly excused: Set<string>;
  readonly broken: string[];
  readonly clients: Client[];
  readonly sender: Sender;
  /** Keys that the provider works on, and those that it answers with a failure for ever. */
  readonly keys: {
    readonly busy: Set<string>;
    readonly frozen: Set<string>;
    readonly cancelled: Set<string>;
  };
  /** How often the store has failed over, and what makes it fail over to its copy. */
  era: number;
  back: (() => void) | undefined;
  /** Whether a process that starts again may run either release. */
  deploys: boolean;
  /** A number that nobody has drawn before; a process's own do not depend on the others. */
  nonce(node?: Node): number;
  crash(node: Node): void;
  /** Rejects when the node's generation dies. */
  death(node: Node): Promise<never>;
}

const NODES_MAX = 10;
const NEWEST: Release = 2;

export function createWorld(code: Code, plan: Plan, chance: Chance, scheduler: Scheduler): World {
  const deaths = new Map<Node, PromiseWithResolvers<never>>();
  const nonces = new Map<number, number>();
  const wall = {
    wall: scheduler.now,
    monotonic: scheduler.now,
    sleep: () => never,
    timer: () => () => {},
  };
  const processes: Process[] = [];
  const world: World = {
    ...{ code, plan, scheduler, chance, processes },
    sender: createSender({ plan, scheduler, chance, processes }),
    ids: plan.operations.map(({ workload, scope, key }) =>
      recordId(workload.startsWith("opaque") ? "http" : "own", scope, key),
    ),
    raw: code.memoryStore({ clock: wall, write: writeOrder }),
    ...{ era: 0, back: undefined, deploys: plan.deploys === true },
    keys: { busy: new Set(), frozen: new Set(), cancelled: new Set() },
    facts: [],
    ...{ charges: [], mails: [] },
    excused: new Set(),
    broken: [],
    clients: [],
    nonce(node) {
      const place = node === undefined ? 0 : Number(node.name.slice(1)) + 1;
      const drawn = (nonces.get(place) ?? 0) + 1;
      nonces.set(place, drawn);
      return drawn * NODES_MAX + place;
    },
    crash(node) {
      scheduler.note(() => `${node.name} crashes`);
      const dead = deaths.get(node);
      node.generation += 1;
      node.heldUntil = 0;
      node.outUntil = 0;
      if (world.deploys) node.release = world.chance.pick(RELEASES);
      scheduler.bury(node);
      dead?.reject(new Error("The process has died."));
      deaths.set(node, mourned());
      const process = world.processes.find((one) => one.node === node);
      if (process) Object.assign(process, startProcess(world, node));
      for (const client of world.clients) client.lost(node);
      world.sender.lost(node);
    },
    death: (node) => deaths.get(node)?.promise ?? never,
  };
  for (let index = 0; index < plan.nodes; index += 1) {
    const node: Node = {
      name: `n${index}`,
      generation: 0,
      heldUntil: 0,
      outUntil: 0,
      wallSkewMs: 0,
      release: plan.deploys ? chance.pick(RELEASES) : NEWEST,
    };
    deaths.set(node, mourned());
    world.processes.push(startProcess(world, node));
  }
  world.clients.push(...startClients(world));
  if (plan.stranger) world.sender.tellOfStranger();
  return world;
}

/** The deployment ends: what still runs the older release is replaced. */
export function endDeployment(world: World): void {
  world.deploys = false;
  for (const { node } of world.processes) {
    if (node.release === NEWEST) continue;
    node.release = NEWEST;
    world.crash(node);
  }
}

function mourned(): PromiseWithResolvers<never> {
  const death = Promise.withResolvers<never>();
  death.promise.catch(() => undefined);
  return death;
}

function startProcess(world: World, node: Node): Process {
  const { plan } = world;
  const code = node.release === NEWEST ? (world.code.next ?? world.code) : world.code;
  const alive = aliveOf(node);
  const chance = createChance(0, `${node.name}:${node.generation}:${world.chance.below(2 ** 31)}`);
  const once = code.nevertwice({
    store: watchedStore(world, node),
    clock: clockOf(world, node),
    random: chance,
    namespace: "simulation",
    onEvent: () => undefined,
    leaseMs: 1_000,
    runForMs: 8_000,
    storeTimeoutMs: 400,
    attemptsMax: plan.attemptsMax,
    backoff: { baseMs: 50, capMs: 400 },
    retention: { responseMs: plan.responseMs },
  });
  const hands = handsOf(world, node);
  if (plan.receiver) declareRelays(once, hands, plan.receiver);
  const names = new Set(plan.operations.map(({ workload }) => workload));
  const asks = new Map(
    [...names].map((name) => [name, declare(name, node.release, { once, code, hands })]),
  );
  return {
    ...{ node, asks },
    inbox: plan.events && declareInbox(once, hands, plan.events),
    async recover() {
      if (alive()) await once.worker.runOnce().catch(() => undefined);
    },
  };
}

function clockOf({ scheduler }: World, node: Node): Clock {
  const alive = aliveOf(node);
  return {
    wall: () => scheduler.now() + node.wallSkewMs,
    monotonic: () => scheduler.now() - START,
    timer: (ms, fire) =>
      alive() ? scheduler.timer(node, scheduler.now() + ms, fire) : () => undefined,
    sleep(ms, signal) {
      if (!alive()) return never;
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          signal?.removeEventListener("abort", stop);
          resolve();
        };
        const cancel = scheduler.timer(node, scheduler.now() + ms, done);
        const stop = (): void => {
          cancel();
          resolve();
        };
        signal?.addEventListener("abort", stop, { once: true });
      });
    },
  };
}
