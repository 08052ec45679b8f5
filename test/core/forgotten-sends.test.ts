import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acquirer,
  call,
  type Happening,
  HOUR_MS,
  LATER_MS,
  LEASE_MS,
  pay,
  quietClock,
  settleTurn,
  stateOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

const QUIET_MS = HOUR_MS;
const AFTER_QUIET_MS = 2 * QUIET_MS;

/**
 * The first send makes a charge, and a failover forgets it and its begin, but not the claim. The
 * second one ends as told; then the provider forgets the key, and the operation is run again.
 */
async function afterForgottenSend(second: Happening) {
  const scene = stage();
  const bank = acquirer(["hangs after", second]);
  let failOver = (): void => undefined;
  const dead = scene.process({ clock: quietClock });
  const first = dead.operation("pay", {
    input: Order,
    handler: async (op) => {
      failOver = scene.store.checkpoint();
      await op.external("charge", bank.effect());
    },
  });
  void first.run(call);
  await settleTurn();
  assert.equal(bank.charges.size, 1, "the forgotten send made a charge");
  scene.advance(LEASE_MS + 1);
  failOver();
  scene.advance(20 * HOUR_MS);
  const operation = pay(scene.process(), bank.effect());
  const before = (await operation.run(call)).kind;
  scene.advance(5 * HOUR_MS);
  bank.charges.clear();
  const after = (await operation.run(call)).kind;
  return { before, after, sent: bank.keys.length, state: await stateOf(scene) };
}

test("H17: a step that was begun again is not resent once its forgotten send may be", async () => {
  assert.deepEqual(await afterForgottenSend("lost before"), {
    ...{ before: "in-doubt", after: "in-doubt" },
    ...{ sent: 2, state: "in_doubt: effect-unknown" },
  });
});

test("H17: nor is one whose later sends all proved that they did nothing", async () => {
  assert.deepEqual(await afterForgottenSend("refused connection"), {
    ...{ before: "retry-scheduled", after: "in-doubt" },
    ...{ sent: 2, state: "in_doubt: effect-unknown" },
  });
});

test("H17: absence proves nothing while a forgotten send may be on its way", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "hangs after"]);
  const made = bank.charges;
  let isDown = false;
  let hasLanded = false;
  const find = ({ key }: { readonly key: string }) => {
    if (isDown) throw new Error("The list cannot be reached.");
    return hasLanded ? made.get(key) : undefined;
  };
  const effect = bank.effect({
    ways: ["look-up", "replay"],
    lookUp: { quietMs: QUIET_MS, absenceProves: true, find },
  });
  assert.equal((await pay(scene.process(), effect).run(call)).kind, "in-doubt");
  scene.advance(AFTER_QUIET_MS);
  const failOver = scene.store.checkpoint();
  isDown = true;
  void pay(scene.process({ clock: quietClock }), effect).run(call);
  await settleTurn();
  assert.equal(bank.keys.length, 2, "the resend is on its way");
  isDown = false;
  failOver();
  const operation = pay(scene.process(), effect);
  await operation.run(call);
  assert.equal(new Set(bank.keys).size, 1, "there is no second key yet");
  hasLanded = true;
  scene.advance(AFTER_QUIET_MS + LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(made.size, 1);
});

test("H17: absence proves nothing while nobody can tell whether commits were lost", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const lookUp = { quietMs: QUIET_MS, absenceProves: true, find: () => undefined };
  const effect = bank.effect({ ways: ["look-up"], lookUp });
  assert.equal((await pay(scene.process(), effect).run(call)).kind, "in-doubt");
  scene.advance(AFTER_QUIET_MS);
  const lineage = async () => ({ kind: "not-known", error: new Error("gone") }) as const;
  const unsure = scene.process({ store: { ...scene.store, lineage } });
  assert.equal((await pay(unsure, effect).run(call)).kind, "in-doubt");
  assert.equal(bank.keys.length, 1);
  scene.advance(LATER_MS);
  const { lineage: _, ...without } = scene.store;
  const plain = scene.process({ store: without as typeof scene.store });
  assert.equal((await pay(plain, effect).run(call)).kind, "succeeded");
  assert.equal(new Set(bank.keys).size, 2, "the proof gave it another key");
});
