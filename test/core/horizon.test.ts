import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { z } from "zod";
import { fail, isNevertwiceError } from "../../src/index.ts";
import { checkout, provider, stage } from "./stage.ts";

const DAY_MS = 86_400_000;
const input = { cartId: "c1", amount: 1999 };

/** A UUIDv7 made at a time. */
function keyOf(time: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(time, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

test("H7: under a horizon an unknown key that is too old or from the future is refused and never runs", async () => {
  const scene = stage();
  const bank = provider();
  const operation = checkout(scene.process({ keyHorizonMs: 30 * DAY_MS }), bank);
  const now = Date.now();
  const run = (key: string) => operation.run({ scope: "acct_1", key, input });
  assert.equal((await run(keyOf(now))).kind, "succeeded");
  assert.equal((await run(keyOf(now - 29 * DAY_MS))).kind, "succeeded");
  assert.equal((await run(keyOf(now - 31 * DAY_MS))).kind, "key-too-old");
  assert.equal((await run(keyOf(now + DAY_MS))).kind, "key-too-old");
  assert.equal(bank.sent, 2);
});

test("H7: a known key is answered from its record, however old it has become", async () => {
  const scene = stage();
  const bank = provider();
  const operation = checkout(scene.process({ keyHorizonMs: DAY_MS }), bank);
  const request = { scope: "acct_1", key: keyOf(Date.now()), input };
  const first = await operation.run(request);
  scene.advance(3 * DAY_MS);
  assert.deepEqual(await operation.run(request), { ...first, replayed: true });
});

test("H7: without a time in the key there is no horizon to keep, so it is refused", async () => {
  const operation = checkout(stage().process({ keyHorizonMs: DAY_MS }), provider());
  const request = { scope: "acct_1", key: "order-982", input };
  await assert.rejects(operation.run(request), (error) =>
    isNevertwiceError(error, "key-malformed"),
  );
});

test("H7: what takes an orphan back has a key of the house's own, which no horizon refuses", async () => {
  const scene = stage();
  const once = scene.process({ keyHorizonMs: DAY_MS });
  const takenBack: unknown[] = [];
  const operation = once.operation("pay", {
    input: z.object({}),
    handler: () => fail({}),
    compensations: { charge: (made: unknown) => ({ send: () => takenBack.push(made) }) },
  });
  const named = { scope: "acct_1", key: keyOf(Date.now()) };
  assert.equal((await operation.run({ ...named, input: {} })).kind, "failed");
  const told = { step: "charge", executed: "ch_1", value: { id: "ch_1" } };
  await once.settle({ ...named, origin: "own" }, { ...told, by: "ann", reason: "seen" });
  assert.deepEqual(takenBack, [{ id: "ch_1" }]);
});

test("H7: a database whose clock leaps a year prunes nothing", async () => {
  const scene = stage();
  const once = scene.process({ retention: { responseMs: 7 * DAY_MS } });
  const operation = checkout(once, provider());
  const request = { scope: "acct_1", key: "k1", input };
  const first = await operation.run(request);
  scene.advance(365 * DAY_MS);
  const pruned = await once.prune();
  assert.equal(pruned.kind, "clocks-disagree");
  assert.deepEqual(await operation.run(request), { ...first, replayed: true });
});

test("the worker's loops recover and prune by themselves, and end when told", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  const once = scene.process({ retention: { responseMs: 0 } });
  const operation = checkout(once, bank);
  await operation.run({ scope: "acct_1", key: "k1", input });
  scene.advance(1_000);
  once.worker.start({ pollMs: 5, pruneMs: 5 });
  once.worker.start();
  const status = async () => once.lookup({ scope: "acct_1", key: "k1", origin: "own" });
  for (let turn = 0; turn < 400 && (await status())?.state !== "succeeded"; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal((await status())?.reference, "order-acct_1-k1");
  await once.close();
  assert.equal(bank.charges.size, 1);
});
