import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { StandardSchema } from "../../src/core/standard-schema.ts";
import { fail, nevertwice, notExecuted, ok } from "../../src/index.ts";
import { type Clock, systemClock } from "../../src/model/clock.ts";
import { type Chance, createChance } from "../simulation/chance.ts";
import { type Ground, ROWS } from "./ground.ts";

/** What one operation is asked to do; the same for its duplicates. */
interface Wish {
  readonly row: number;
  /** The first attempt throws. */
  readonly throws: boolean;
  /** It ends as failed. */
  readonly fails: boolean;
}

interface Asked {
  readonly name: Name;
  readonly key: string;
  readonly wish: Wish;
  readonly body: string;
}

export interface Tally {
  operations: number;
  first: number;
  duplicates: number;
  /** Ended as failed, and thrown once before they succeeded. */
  failed: number;
  thrown: number;
  succeeded: number;
  /** Sends that left for the provider. */
  sends: number;
  pruned: number;
  /** Calls that were told to ask again, because the store had not answered in time. */
  unanswered: number;
  /** What no promise allows. */
  readonly wrong: string[];
}

export interface Load {
  readonly tally: Tally;
  /** Runs so many operations, then lets time pass and prunes. */
  round(operations: number): Promise<void>;
  close(): Promise<void>;
}

const DUPLICATES = 0.15;
const FAILING = 0.05;
const LANES = 32;
/** One operation in four charges; the others are one transaction. */
const CHARGING = 0.25;
/** Duplicates are of one of the last so many keys. */
const RECENT = 2_000;
const HOUR_MS = 3_600_000;
const BACKOFF = { baseMs: 1, capMs: 5 };
/** What a machine that stands still for longer than the store's patience is told. */
const RETRIED: ReadonlySet<string> = new Set([
  ...["retry-scheduled", "store-unavailable", "in-progress", "in-doubt"],
]);
const UNAVAILABLE_MS = 1_000;
const ATTEMPTS_MAX = 50;
const WRONG_MAX = 10;

const SCHEMA: StandardSchema<Wish> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => ({ value: value as Wish }),
  },
};

/** Operations of both forms on one process, whose keys go again, so that the data stays bounded. */
export function openLoad(ground: Ground, seed: number): Load {
  const chance = createChance(seed, "soak");
  const clock: Clock = { ...systemClock, wall: () => systemClock.wall() + ground.skew.ms };
  const tally: Tally = {
    ...{ operations: 0, first: 0, duplicates: 0, failed: 0, thrown: 0, succeeded: 0 },
    ...{ sends: 0, pruned: 0, unanswered: 0, wrong: [] },
  };
  const recent: Asked[] = [];
  const { once, handles } = declare(ground, clock, tally);
  const wrong = (text: string): void => {
    if (tally.wrong.length < WRONG_MAX) tally.wrong.push(text);
  };
  const ask = async ({ name, key, wish }: Omit<Asked, "body">) => {
    for (let attempt = 1; ; attempt += 1) {
      const result = await handles[name].run({ scope: "acct_1", key, input: wish });
      if (result.kind === "succeeded" || result.kind === "failed")
        return { replayed: result.replayed, body: `${result.kind} ${JSON.stringify(result.body)}` };
      if (!RETRIED.has(result.kind) || attempt === ATTEMPTS_MAX) {
        wrong(`${name} ${key} was answered ${result.kind}`);
        return undefined;
      }
      // A client would be told a second; the operation is due after the backoff.
      if (result.kind === "retry-scheduled") await systemClock.sleep(BACKOFF.capMs);
      else await systemClock.sleep(UNAVAILABLE_MS);
      if (result.kind !== "retry-scheduled") tally.unanswered += 1;
    }
  };
  const first = async (remembered: number): Promise<void> => {
    const name = chance.hit(CHARGING) ? "charge" : "note";
    const asked = { name, key: keyOf(clock.wall()), wish: wishOf(chance) } as const;
    const answer = await ask(asked);
    tally.first += 1;
    if (answer === undefined) return;
    const succeeded = answer.body.startsWith("succeeded");
    tally[succeeded ? "succeeded" : "failed"] += 1;
    if (asked.wish.throws) tally.thrown += 1;
    if (succeeded === asked.wish.fails) wrong(`${asked.key}: ${answer.body}`);
    recent[tally.first % remembered] = { ...asked, body: answer.body };
  };
  const again = async (asked: Asked): Promise<void> => {
    const answer = await ask(asked);
    tally.duplicates += 1;
    if (answer?.body !== asked.body || !answer.replayed)
      wrong(`${asked.key} again: ${answer?.body}`);
  };
  return {
    tally,
    async round(operations) {
      let left = operations;
      const remembered = Math.min(RECENT, operations);
      const lane = async (): Promise<void> => {
        while (left-- > 0) {
          const asked = recent[chance.below(recent.length)];
          await (asked !== undefined && chance.hit(DUPLICATES) ? again(asked) : first(remembered));
          tally.operations += 1;
          // The memory store never waits, and a server's loop turns between two requests.
          await turn();
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      ground.skew.ms += HOUR_MS / 4;
      const pruned = await once.prune();
      if (pruned.kind === "pruned") tally.pruned += pruned.tombstones;
      else wrong("The clocks disagreed.");
    },
    close: () => once.close(),
  };
}

type Name = "note" | "charge";

function declare({ store, add }: Ground, clock: Clock, tally: Tally) {
  const once = nevertwice({
    ...{ store, clock, namespace: "soak", onEvent: () => {} },
    retention: { responseMs: HOUR_MS },
    keyHorizonMs: HOUR_MS,
    backoff: BACKOFF,
  });
  const thrown = new Set<string>();
  const note = once.atomic("note", {
    input: SCHEMA,
    handler: (op, { row, throws, fails }) => {
      // A deleted key has thrown before; so the set stays as small as what is under way.
      if (throws && !thrown.delete(op.key)) {
        thrown.add(op.key);
        throw new Error("The first attempt failed.");
      }
      const end = () => (fails ? fail({ row }) : ok({ row }, 201));
      const added = add(op.tx, row);
      // What a failed outcome wrote is rolled back.
      return (added === undefined ? end() : Promise.resolve(added).then(end)) as ReturnType<
        typeof end
      >;
    },
  });
  const charge = once.operation("charge", {
    input: SCHEMA,
    handler: async (op, { row, throws, fails }) => {
      if (fails) return fail({ row });
      const charged = await op.external("charge", {
        input: { row },
        judge: () => notExecuted("refused"),
        send: ({ key }) => {
          if (throws && op.attempt === 1) throw new Error("The connection was refused.");
          tally.sends += 1;
          return { id: key };
        },
      });
      if (charged.declined) throw new Error("This provider declines nothing.");
      return op.settle((tx) => {
        const end = () => ok({ row, charge: charged.value.id }, 201);
        const added = add(tx, row);
        return (added === undefined ? end() : Promise.resolve(added).then(end)) as Promise<
          ReturnType<typeof end>
        >;
      });
    },
  });
  return { once, handles: { note, charge } };
}

function wishOf(chance: Chance): Wish {
  const failing = chance.hit(FAILING);
  const throws = failing && chance.hit(0.5);
  return { row: chance.below(ROWS), throws, fails: failing && !throws };
}

/** A UUIDv7 of a time, in milliseconds since the epoch. */
function keyOf(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  const chance = randomBytes(9).toString("hex");
  const [a, b, c] = [chance.slice(0, 3), chance.slice(3, 6), chance.slice(6)];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${a}-8${b}-${c}`;
}
