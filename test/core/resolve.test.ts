import assert from "node:assert/strict";
import { test } from "node:test";
import { declined, notExecuted } from "../../src/index.ts";
import {
  acquirer,
  type Charge,
  type ChargeEffect,
  call,
  findingsOf,
  HOUR_MS,
  LATER_MS,
  pay,
  recordOf,
  type Scene,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

const QUIET_MS = 3 * HOUR_MS;

type Bank = ReturnType<typeof acquirer>;

/** A look-up that finds what was charged under the key, and how often it was asked. */
function lookUpOf(bank: Bank, more: Partial<NonNullable<ChargeEffect["lookUp"]>> = {}) {
  const asked = { times: 0 };
  const find = ({ key }: { key: string }): Charge | undefined => {
    asked.times += 1;
    return bank.charges.get(key);
  };
  return { asked, lookUp: { quietMs: QUIET_MS, find, ...more } };
}

/** Runs until something else than a doubt comes, and says what it was and how many runs it took. */
async function runs(scene: Scene, effect: ChargeEffect, max: number): Promise<string[]> {
  const operation = pay(scene.process(), effect);
  const kinds: string[] = [];
  while (kinds.length < max && (kinds.at(-1) ?? "in-doubt") === "in-doubt") {
    kinds.push((await operation.run(call)).kind);
    scene.advance(LATER_MS);
  }
  return kinds;
}

test("S8: a charge that a look-up finds is adopted with its reference, and not sent again", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const { lookUp } = lookUpOf(bank);
  const effect = bank.effect({ lookUp, ways: ["look-up", "replay"] });
  assert.deepEqual(await runs(scene, effect, 3), ["in-doubt", "succeeded"]);
  assert.equal(bank.keys.length, 1);
  assert.equal((await stepOf(scene))?.effect?.reference, "ch_1");
  assert.deepEqual(await findingsOf(scene), ["look-up: executed"]);
});

test("S8: the ways are tried in the order of the effect: replay first sends, and asks nobody", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const { lookUp, asked } = lookUpOf(bank);
  assert.deepEqual(await runs(scene, bank.effect({ lookUp }), 3), ["in-doubt", "succeeded"]);
  assert.deepEqual([bank.keys.length, bank.charges.size, asked.times], [2, 1, 0]);
});

test("S8: a decline that a look-up finds is the result", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const { lookUp } = lookUpOf(bank, { find: () => declined({ code: "no_funds" }) });
  const effect = bank.effect({ lookUp, ways: ["look-up"] });
  assert.deepEqual(await runs(scene, effect, 3), ["in-doubt", "succeeded"]);
  assert.equal((await stepOf(scene))?.result?.kind, "declined");
  assert.deepEqual(await findingsOf(scene), ["look-up: declined"]);
});

test("H5: what is not found before the provider is quiet proves nothing, and is due when it is", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const { lookUp, asked } = lookUpOf(bank, { absenceProves: true });
  const operation = pay(scene.process(), bank.effect({ lookUp, ways: ["look-up"] }));
  await operation.run(call);
  scene.advance(LATER_MS);
  const refused = await operation.run(call);
  assert.equal(refused.kind, "in-doubt");
  const { dueAt } = await recordOf(scene);
  // The list may show it long before the provider is quiet, so it is asked again half way there.
  const halfMs = (QUIET_MS - LATER_MS) / 2;
  const sentAt = (await stepOf(scene))?.effect?.sends[0]?.sentAt ?? 0;
  const due = (dueAt ?? 0) - sentAt - LATER_MS;
  assert.ok(Math.abs(due - halfMs) < 1_000, `${due} ms after the look, not ${halfMs}`);
  assert.deepEqual([bank.keys.length, asked.times], [1, 1]);
  assert.equal((await recordOf(scene)).attempts, 1, "a look that comes early costs no attempt");
  scene.advance(halfMs - 5_000);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(asked.times, 1, "nobody is asked before it is due");
  assert.deepEqual(await findingsOf(scene), []);
});

test("H11: absence that proves closes the step, and the next send has a key of its own", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const { lookUp } = lookUpOf(bank, { absenceProves: true });
  const operation = pay(scene.process(), bank.effect({ lookUp, ways: ["look-up"] }));
  await operation.run(call);
  scene.advance(QUIET_MS + 1);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size, bank.charges.size], [2, 2, 1]);
  assert.equal((await stepOf(scene))?.effect?.generation, 1);
  assert.deepEqual(await findingsOf(scene), ["look-up: not-found"]);
});

test("H5: absence that proves nothing leaves the doubt, and what is found later ends it", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const { lookUp } = lookUpOf(bank);
  const operation = pay(scene.process(), bank.effect({ lookUp, ways: ["look-up"] }));
  await operation.run(call);
  scene.advance(QUIET_MS + 1);
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    scene.advance(LATER_MS);
  }
  assert.equal(bank.keys.length, 1);
  bank.charges.set(bank.keys[0] ?? "", { id: "ch_late", status: "captured" });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal((await stepOf(scene))?.effect?.reference, "ch_late");
});

test("H5: an effect without a key is found by its look-up, and never sent again on a miss", async () => {
  for (const absenceProves of [false, true]) {
    const scene = stage();
    const bank = acquirer(["lost before"]);
    const { lookUp, asked } = lookUpOf(bank, { absenceProves });
    const operation = pay(scene.process(), bank.effect({ keyed: false, lookUp }));
    await operation.run(call);
    for (let round = 0; round < 3; round += 1) {
      scene.advance(QUIET_MS + LATER_MS);
      assert.equal((await operation.run(call)).kind, "in-doubt");
    }
    assert.deepEqual([bank.keys.length, asked.times], [1, 3]);
    bank.charges.set(bank.keys[0] ?? "", { id: "ch_late", status: "captured" });
    scene.advance(LATER_MS);
    assert.equal((await operation.run(call)).kind, "succeeded");
    assert.equal(bank.keys.length, 1);
  }
});

test("S8: a look-up that throws found out nothing; it is noted and tried again", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  let down = true;
  const { lookUp } = lookUpOf(bank, {
    absenceProves: true,
    find: ({ key }) => {
      if (down) throw new Error("503 of the search");
      return bank.charges.get(key);
    },
  });
  const operation = pay(scene.process(), bank.effect({ lookUp, ways: ["look-up"] }));
  await operation.run(call);
  scene.advance(QUIET_MS + 1);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual(await findingsOf(scene), ["look-up: unknown"]);
  down = false;
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});

test("H11: cancelled with proof, the step is sent anew under another key; without proof it waits", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  let proof: ReturnType<typeof notExecuted> | undefined;
  let asked = 0;
  const cancel = () => {
    asked += 1;
    return proof;
  };
  const operation = pay(scene.process(), bank.effect({ cancel, ways: ["cancel"] }));
  await operation.run(call);
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual([bank.keys.length, asked], [1, 1]);
  proof = notExecuted("cancelled by key");
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size, asked], [2, 2, 2]);
});

test("S8: a cancel that throws leaves the doubt", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const cancel = () => {
    throw new Error("already captured");
  };
  const effect = bank.effect({ cancel, ways: ["cancel"] });
  assert.deepEqual(await runs(scene, effect, 3), ["in-doubt", "in-doubt", "in-doubt"]);
  assert.equal(bank.keys.length, 1);
  assert.deepEqual(await findingsOf(scene), ["look-up: unknown", "look-up: unknown"]);
});

test("H11: a provider that forgets its failures is looked up first, and sent again only after a quiet miss", async () => {
  const scene = stage();
  const bank = acquirer(["failed before"]);
  const { lookUp, asked } = lookUpOf(bank);
  const ways = ["look-up", "replay"] as const;
  const effect = bank.effect({ lookUp, ways, replayAfterFailure: false });
  const operation = pay(scene.process(), effect);
  await operation.run(call);
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual([bank.keys.length, asked.times], [1, 1]);
  scene.advance(QUIET_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size, asked.times], [2, 1, 2]);
});

test("H11: a frozen 500 is not sent again and again, but looked up", async () => {
  const scene = stage();
  const bank = acquirer(["frozen after"]);
  const { lookUp, asked } = lookUpOf(bank);
  assert.deepEqual(await runs(scene, bank.effect({ lookUp }), 3), ["in-doubt", "succeeded"]);
  assert.deepEqual([bank.keys.length, asked.times, bank.charges.size], [1, 1, 1]);
});

test("H11: a frozen 500 without a look-up waits for a person at once", async () => {
  const scene = stage();
  const bank = acquirer(["frozen after"]);
  assert.deepEqual(await runs(scene, bank.effect(), 3), ["in-doubt", "in-doubt", "in-doubt"]);
  assert.equal(bank.keys.length, 1);
  assert.equal((await recordOf(scene)).dueAt, undefined);
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
});

test("H17: past its deadline a key is looked up instead of sent again, by either clock", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const { lookUp, asked } = lookUpOf(bank);
  const operation = pay(scene.process(), bank.effect({ lookUp, keptForMs: HOUR_MS }));
  await operation.run(call);
  // The margin between clocks that agree is taken off the deadline.
  scene.advance(HOUR_MS - 299_000);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, asked.times], [1, 1]);
});
