import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acquirer,
  call,
  LATER_MS,
  LEASE_MS,
  pay,
  quietClock,
  recordOf,
  stateOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

const DAYS_MS = 3 * 86_400_000;

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
