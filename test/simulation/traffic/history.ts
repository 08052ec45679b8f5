import { hash } from "node:crypto";
import { type AuthenticEvent, nevertwice, type ObjectDeclaration } from "../../../src/index.ts";
import type { Clock } from "../../../src/model/clock.ts";
import { type MemoryTransaction, memoryStore } from "../../../src/stores/memory/store.ts";
import { type Chance, createChance } from "../chance.ts";

/** How the histories of one campaign differ from those of another. */
export interface Traffic {
  /** States only move on; otherwise they may go back, and every type corrects. */
  readonly monotone: boolean;
  /** The provider's reads lag behind its events by up to so many milliseconds. */
  readonly lagMs: number;
  /** Whether handlers read the object back, or believe the event. */
  readonly reads: boolean;
  /** Share of the deliveries whose process dies in the middle of handling. */
  readonly deaths: number;
}

/** What a history came to. */
export interface Verdict {
  readonly wrongState: boolean;
  readonly effects: number;
  readonly events: number;
  readonly lost: number;
  readonly doubled: number;
  readonly deliveries: number;
  readonly reads: number;
}

interface Version {
  readonly number: number;
  readonly status: string;
  readonly at: number;
}

/** Virtual time: everything that is to happen, in its order. */
interface Timeline {
  now(): number;
  at(time: number, act: () => Promise<void>): void;
  run(): Promise<void>;
}

const RANKS = ["v1", "v2", "v3", "v4", "v5"];
const START = 1_700_000_000_000;

function timeline(): Timeline {
  let now = START;
  let order = 0;
  const acts: { readonly time: number; readonly order: number; act(): Promise<void> }[] = [];
  return {
    now: () => now,
    at(time, act) {
      order += 1;
      acts.push({ time, order, act });
    },
    async run() {
      while (acts.length > 0) {
        acts.sort((a, b) => a.time - b.time || a.order - b.order);
        const next = acts.shift();
        if (next === undefined) return;
        now = Math.max(now, next.time);
        await next.act();
      }
    },
  };
}

/** Nothing waits in virtual time: deadlines never fire, and pauses are the timeline's. */
function clockOf(time: Timeline): Clock {
  return {
    wall: () => time.now(),
    monotonic: () => time.now(),
    sleep: async () => {},
    timer: () => () => undefined,
  };
}

/** Two to five versions of one object; most of them within 300 ms of the one before. */
function versionsOf(chance: Chance, monotone: boolean): Version[] {
  let at = START;
  return Array.from({ length: 2 + chance.below(4) }, (_, index) => {
    at += chance.hit(0.6) ? 1 + chance.below(300) : 300 + chance.below(20_000);
    const status = monotone ? RANKS[index] : chance.pick(RANKS);
    return { number: index + 1, status: status ?? "", at };
  });
}

function toEvent({ number, status, at }: Version): AuthenticEvent {
  const payload = { number, status };
  return {
    key: `id:evt_${number}`,
    fingerprint: hash("sha256", JSON.stringify(payload), "buffer"),
    type: "object.updated",
    object: { kind: "object", id: "o_1" },
    // Whole seconds, as providers tell them.
    occurredAt: Math.floor(at / 1_000) * 1_000,
    payload,
  };
}

/** When the deliveries of an event arrive: one or two, some of them a minute late. */
function arrivals(chance: Chance, { at }: Version): number[] {
  const network = (): number => 10 + chance.below(291);
  const first = chance.hit(0.15) ? at + 1_000 + chance.below(59_000) : at + network();
  return chance.hit(0.25) ? [first, first + chance.pick([0, 0, 1, 20, 500, 30_000])] : [first];
}

/** What is declared of the object: what each version says, and what is kept of it. */
function objectOf(
  { reads, monotone }: Traffic,
  readable: () => Version | undefined,
): ObjectDeclaration<MemoryTransaction, "async", Version> {
  const also = monotone ? [] : RANKS.flatMap((from) => RANKS.map((to) => [from, to] as const));
  return {
    ...(reads ? { read: async () => readable() } : {}),
    isBehind: (current, { payload }) => current.number < (payload as Version).number,
    version: (current, { payload }) => (reads ? current : (payload as Version)).number,
    states: {
      ...{ order: RANKS, also },
      of: (current, { payload }) => (reads ? current : (payload as Version)).status,
    },
    apply: (tx, _, { id, to }) => tx.table<string>("state").put(id, to),
  };
}

/** One history: an object changes, its events come as they come, two processes handle them. */
export async function playHistory(seed: number, traffic: Traffic): Promise<Verdict> {
  const chance = createChance(seed, "traffic");
  const time = timeline();
  const clock = clockOf(time);
  const store = memoryStore({ clock });
  const versions = versionsOf(chance, traffic.monotone);
  let reads = 0;
  const readable = (): Version | undefined => {
    reads += 1;
    const seenAt = time.now() - (traffic.lagMs === 0 ? 0 : chance.below(traffic.lagMs + 1));
    return versions.findLast(({ at }) => at <= seenAt);
  };
  const processes = ["a", "b"].map(() => {
    const once = nevertwice({ store, clock, random: chance, onEvent: () => undefined });
    const inbox = once.inbox(
      { source: "acme" },
      {
        "object.updated": {
          nature: traffic.monotone ? "repeating" : "corrective",
          handler: (tx, { key }) => {
            const effects = tx.table<string>("effects");
            effects.insert(`${effects.values().length}`, key);
          },
        },
      },
      { objects: { object: objectOf(traffic, readable) } },
    );
    return { once, inbox };
  });
  let deliveries = 0;
  for (const version of versions)
    for (const arrival of arrivals(chance, version)) {
      deliveries += 1;
      const { inbox, once } = chance.pick(processes);
      time.at(arrival, () => inbox.accept([toEvent(version)]));
      const handledAt = arrival + 5 + chance.below(401);
      time.at(handledAt, async () => {
        if (!chance.hit(traffic.deaths)) return void (await once.worker.runOnce());
        // A process that claims the object and is never heard of again.
        const claim = { sources: ["acme"], leaseMs: 60_000, limit: 1, eventsMax: 10 };
        await store.inbox.claim(claim);
      });
    }
  // Whoever still waits is looked at from time to time, as a running worker does.
  for (let pass = 1; pass <= 40; pass += 1)
    time.at(START + 200_000 + pass * 30_000, async () => {
      await processes[pass % 2]?.once.worker.runOnce();
    });
  await time.run();
  const effects = store.table<string>("effects").values();
  const applied = store.table<string>("state").get("o_1");
  return {
    wrongState: applied !== versions.at(-1)?.status,
    effects: effects.length,
    events: versions.length,
    lost: versions.filter(({ number }) => !effects.includes(`id:evt_${number}`)).length,
    doubled: effects.length - new Set(effects).size,
    deliveries,
    reads,
  };
}
