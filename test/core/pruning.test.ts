import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, systemClock } from "../../src/index.ts";
import type { PruneAnswer, PruneRequest } from "../../src/store.ts";
import type { Scene } from "./acquirer.ts";
import { stage } from "./stage.ts";

type Store = Scene["store"];
type Pruned = Extract<PruneAnswer, { kind: "pruned" }>;
type Disagreement = Exclude<PruneAnswer, Pruned>;
type Options = Parameters<Scene["process"]>[0];

const DAY_MS = 86_400_000;
const WALL = systemClock.wall();
const gone = { kind: "not-known", error: new Error("gone") } as const;
const none = { kind: "pruned", responses: 0, tombstones: 0 } as const;

/** A house whose store answers each question to prune in turn, and what it was asked. */
function pruning(answers: readonly (Partial<Pruned> | Disagreement)[], options: Options = {}) {
  const scene = stage();
  const asked: Record<"operations" | "events" | "messages", object[]> = {
    ...{ operations: [], events: [], messages: [] },
  };
  const { inbox, outbox } = scene.store;
  const store: Store = {
    ...scene.store,
    prune: async (request: PruneRequest) => {
      const answer = answers[asked.operations.length] ?? none;
      asked.operations.push(request);
      const value = answer.kind === "clocks-disagree" ? answer : { ...none, ...answer };
      return { kind: "ok", value };
    },
    inbox: {
      ...inbox,
      prune: (request) => {
        asked.events.push(request);
        return inbox.prune(request);
      },
    },
    outbox: {
      ...outbox,
      prune: (request) => {
        asked.messages.push(request);
        return outbox.prune(request);
      },
    },
  };
  const clock = { ...systemClock, wall: () => WALL };
  return { once: scene.process({ store, clock, ...options }), asked };
}

test("each pass asks for what is older than the retention says, in batches of 500 rows", async () => {
  const { once, asked } = pruning([]);
  assert.deepEqual(await once.prune(), none);
  const base = { limit: 500, wall: WALL };
  assert.deepEqual(asked, {
    operations: [{ ...base, responseMs: 7 * DAY_MS }],
    events: [{ ...base, bodyMs: 30 * DAY_MS, keyMs: 400 * DAY_MS }],
    messages: [{ ...base, sentMs: 7 * DAY_MS }],
  });
});

test("what the retention says is taken as it says it, and the rest by default", async () => {
  const retention = { responseMs: 1, eventMs: 2, eventKeyMs: 40 * DAY_MS };
  const { once, asked } = pruning([], { retention });
  await once.prune();
  const base = { limit: 500, wall: WALL };
  assert.deepEqual(asked, {
    operations: [{ ...base, responseMs: 1 }],
    events: [{ ...base, bodyMs: 2, keyMs: 40 * DAY_MS }],
    messages: [{ ...base, sentMs: 7 * DAY_MS }],
  });
});

test("tombstones go only under a horizon, and past it by twice its margin", async () => {
  const { once, asked } = pruning([], { keyHorizonMs: DAY_MS });
  await once.prune();
  assert.deepEqual(asked.operations, [
    { limit: 500, wall: WALL, responseMs: 7 * DAY_MS, tombstoneMs: DAY_MS + 600_000 },
  ]);
});

for (const [what, answers, sums] of [
  ["a batch that is not full is the last", [{ responses: 499 }, { responses: 1 }], [499, 0, 1]],
  ["a full batch is followed by another", [{ responses: 500 }, { responses: 7 }], [507, 0, 2]],
  ["both kinds of rows fill it", [{ responses: 300, tombstones: 200 }, {}], [300, 200, 2]],
] as const)
  test(`pruning goes on while there is more: ${what}`, async () => {
    const { once, asked } = pruning(answers);
    const [responses, tombstones, questions] = sums;
    assert.deepEqual(await once.prune(), { kind: "pruned", responses, tombstones });
    assert.equal(asked.operations.length, questions);
  });

test("pruning of events and of messages goes on while there is more", async () => {
  const { store } = stage();
  const asked: string[] = [];
  const left = { events: 501, messages: 1_000 };
  const taken = (of: keyof typeof left): number => {
    asked.push(of);
    const rows = Math.min(left[of], 500);
    left[of] -= rows;
    return rows;
  };
  const inbox: Store["inbox"] = {
    ...store.inbox,
    prune: async () => ({
      kind: "ok",
      value: { kind: "pruned", bodies: 0, keys: taken("events") },
    }),
  };
  const outbox: Store["outbox"] = {
    ...store.outbox,
    prune: async () => ({
      kind: "ok",
      value: { kind: "pruned", messages: taken("messages") },
    }),
  };
  await stage()
    .process({ store: { ...store, inbox, outbox } })
    .prune();
  assert.deepEqual(asked, ["events", "events", "messages", "messages", "messages"]);
});

test("one pass ends after 200 batches, whatever is left", async () => {
  const { once, asked } = pruning(Array(300).fill({ tombstones: 500 }));
  assert.deepEqual(await once.prune(), { kind: "pruned", responses: 0, tombstones: 100_000 });
  assert.equal(asked.operations.length, 200);
});

test("nothing is pruned anywhere while the clocks disagree", async () => {
  const value = { kind: "clocks-disagree", now: 7 } as const;
  const { once, asked } = pruning([value]);
  assert.deepEqual(await once.prune(), value);
  assert.deepEqual([asked.events, asked.messages], [[], []]);
});

for (const part of ["operations", "inbox", "outbox"] as const)
  test(`pruning says so where the store cannot be asked: ${part}`, async () => {
    const { store } = stage();
    const prune = async () => gone;
    const away: Store =
      part === "operations" ? { ...store, prune } : { ...store, [part]: { ...store[part], prune } };
    await assert.rejects(
      stage().process({ store: away }).prune(),
      (error) =>
        isNevertwiceError(error, "store-unavailable") && (error as Error).cause === gone.error,
    );
  });
