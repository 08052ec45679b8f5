import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acquirer,
  type ChargeEffect,
  call,
  HOUR_MS,
  LATER_MS,
  LEASE_MS,
  pay,
  quietClock,
  recordOf,
  settleTurn,
  stateOf,
} from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";
import { finding } from "./watched.ts";

const DAY_MS = 24 * HOUR_MS;
const DAYS_MS = 3 * DAY_MS;
/** Clocks that differ by more are not believed. */
const MARGIN_MS = 300_000;

test("H17: after a changed history an old operation is not sent on a guess, also once reopened", async () => {
  const scene = stage();
  const bank = acquirer();
  const lineage = async () => ({ kind: "ok", value: { changedAt: Date.now() + DAYS_MS } }) as const;
  const store = { ...scene.store, lineage };
  // Its begin was lost with the failover: the claim alone is there.
  const dead = scene.process({
    clock: quietClock,
    store: { ...scene.store, begin: () => new Promise(() => {}) },
  });
  void pay(dead, bank.effect()).run(call);
  await new Promise((resolve) => setImmediate(resolve));
  scene.advance(LEASE_MS + DAYS_MS);
  const { id } = await recordOf(scene);
  const evidence = { step: "", source: "person", finding: "unknown", by: "ann" } as const;
  await scene.store.reopen(id, { evidence });
  const once = scene.process({ store });
  const operation = pay(once, bank.effect());
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(bank.keys.length, 0, "nothing was sent");
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
  assert.equal(bank.keys.length, 0);
});

/** What one take-over of a claim makes of it, so many milliseconds after the claim. */
interface Case {
  readonly ageMs: number;
  readonly effect?: Partial<ChargeEffect>;
  /** When the history changed, from the claim on; undefined if it never did. */
  readonly changedMs?: number | undefined;
  readonly lineage?: "none" | "unreachable";
}

async function takenOver({ ageMs, effect = {}, changedMs, lineage }: Case) {
  const scene = stage();
  const bank = acquirer();
  const never = () => new Promise<never>(() => undefined);
  const dead = scene.process({ clock: quietClock });
  void dead.operation("pay", { input: Order, handler: never }).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const { createdAt } = await recordOf(scene);
  const changedAt = changedMs === undefined ? undefined : createdAt + changedMs;
  const answer = { kind: "ok", value: { changedAt } } as const;
  const lost = { kind: "not-known", error: new Error("gone") } as const;
  const store = {
    ...finding(scene, ({ record }) => ({ record, now: createdAt + ageMs })),
    ...(lineage === "none" ? {} : { lineage: async () => (lineage ? lost : answer) }),
  };
  const once = scene.process({ store, clock: handClock() });
  const { kind } = await pay(once, bank.effect(effect)).run(call);
  return { kind, sent: bank.keys.length, error: (await recordOf(scene)).lastError };
}

const keptForMs = HOUR_MS;

for (const [what, given, kind] of [
  ["the provider remembers the key", { ageMs: DAY_MS - MARGIN_MS - 1 }, "succeeded"],
  ["the provider may have forgotten the key", { ageMs: DAY_MS - MARGIN_MS }, "in-doubt"],
  ["it forgets later than others", { ageMs: DAY_MS, effect: { keptForMs: DAYS_MS } }, "succeeded"],
  ["it forgets sooner", { ageMs: HOUR_MS - MARGIN_MS, effect: { keptForMs } }, "in-doubt"],
  ["it takes no key", { ageMs: 1, effect: { keyed: false } }, "in-doubt"],
  ["it takes a key, as declared", { ageMs: 1, effect: { keyed: true } }, "succeeded"],
  ["the history changed with the claim", { ageMs: DAY_MS, changedMs: 0 }, "succeeded"],
  ["the history never changed", { ageMs: DAY_MS, changedMs: undefined }, "succeeded"],
  ["the database cannot tell of it", { ageMs: DAY_MS, lineage: "none" }, "succeeded"],
  [
    "nobody answers what the history is",
    { ageMs: DAY_MS, lineage: "unreachable" },
    "retry-scheduled",
  ],
] as const satisfies readonly (readonly [string, Case, string])[]) {
  test(`H17: a claim whose begin may be lost with the history: ${what}`, async () => {
    const end = await takenOver({ changedMs: 1, ...given });
    assert.deepEqual([end.kind, end.sent], [kind, kind === "succeeded" ? 1 : 0]);
    if (kind === "in-doubt") assert.match(end.error ?? "", /lost its newest commits/);
  });
}

test("H17: a first claim has no earlier send behind it, whatever became of the history", async () => {
  const scene = stage();
  const bank = acquirer();
  const lineage = async () => ({ kind: "ok", value: { changedAt: Date.now() + DAY_MS } }) as const;
  const once = scene.process({ store: { ...scene.store, lineage } });
  assert.equal((await pay(once, bank.effect({ keyed: false })).run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});
