import assert from "node:assert/strict";
import { test } from "node:test";
import type { AfterCrash } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { gate, LEASE_MS, quietClock, settleTurn } from "./acquirer.ts";
import { stage } from "./stage.ts";

const payload = { json: { amount: 1 } };
const call = { origin: "http", scope: "acct_1", key: "k1", payload } as const;
const id = recordId("http", "acct_1", "k1");
const limited = async () => ({ status: 429, headers: [], body: Buffer.from("later") });

/**
 * A process decides to run what was given back, and stands still. A failover forgets that; then
 * another claim of the same fence does the work and dies, and the first process goes on.
 */
async function afterFailover(afterCrash: AfterCrash, forgets: "the claim" | "the second claim") {
  const scene = stage();
  const mount = (process = scene.process({ clock: quietClock })) =>
    process.opaque("orders", { afterCrash }).door;
  let failOver = scene.store.checkpoint();
  await mount().perform(call, limited);
  if (forgets === "the second claim") {
    failOver = scene.store.checkpoint();
    await mount().perform(call, limited);
  }
  let runs = 0;
  const works = (): Promise<never> => {
    runs += 1;
    return new Promise(() => undefined);
  };
  const stall = gate();
  const takeOver: typeof scene.store.takeOver = async (request) => {
    await stall.passed;
    return scene.store.takeOver(request);
  };
  const store = { ...scene.store, takeOver };
  void mount(scene.process({ store, clock: quietClock, storeTimeoutMs: 10 * LEASE_MS })).perform(
    call,
    works,
  );
  await settleTurn();
  failOver();
  void mount().perform(call, works);
  await settleTurn();
  assert.equal(runs, 1, "the dead one did the work");
  scene.advance(2 * LEASE_MS);
  stall.open();
  await settleTurn();
  const read = await scene.store.read(id);
  const { state, fence } = (read.kind === "ok" ? read.value?.record : undefined) ?? {};
  return { runs, state, fence };
}

for (const forgets of ["the claim", "the second claim"] as const) {
  const fence = forgets === "the claim" ? 2 : 3;
  test(`H17: a wrapped handler does not run by what a failover forgot: ${forgets}`, async () => {
    const end = await afterFailover("doubt", forgets);
    assert.deepEqual(end, { runs: 1, state: "in_doubt", fence });
  });

  test(`H17: its probe is asked instead: ${forgets}`, async () => {
    const end = await afterFailover(async () => "unknown", forgets);
    assert.deepEqual(end, { runs: 1, state: "in_doubt", fence });
  });
}

test("H17: one that may run again does", async () => {
  const { runs } = await afterFailover("rerun", "the claim");
  assert.equal(runs, 2);
});
