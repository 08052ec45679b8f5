import assert from "node:assert/strict";
import { test } from "node:test";
import { notExecuted } from "../../src/index.ts";
import {
  acquirer,
  call,
  evidenceOf,
  HOUR_MS,
  LATER_MS,
  named,
  pay,
  recordOf,
  stepOf,
  word,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

test("after a resend that resolved nothing, the look-up has its turn before the next one", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "lost before", "lost before"]);
  const turns: string[] = [];
  const { send } = bank;
  const find = () => void turns.push("look-up");
  const lookUp = { quietMs: 1_000, find };
  const logged: typeof send = (given) => {
    turns.push("send");
    return send(given);
  };
  const operation = pay(scene.process(), bank.effect({ send: logged, lookUp }));
  const seen: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    await operation.run(call);
    seen.push(turns.splice(0).join(" "));
    scene.advance(LATER_MS);
  }
  assert.deepEqual(seen, ["send", "send", "look-up send"]);
});

test("of several ways the soonest makes the step due, and one that tried counts the attempt", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const lookUp = { quietMs: 10 * HOUR_MS, find: () => undefined };
  const cancel = () => undefined;
  const operation = pay(
    scene.process(),
    bank.effect({ lookUp, cancel, ways: ["look-up", "cancel"] }),
  );
  await operation.run(call);
  scene.advance(LATER_MS);
  await operation.run(call);
  const { attempts, dueAt = 0, dueAt: due } = await recordOf(scene);
  assert.equal(attempts, 2);
  const sentAt = (await stepOf(scene))?.effect?.sends[0]?.sentAt ?? 0;
  assert.ok(due !== undefined && dueAt - sentAt < 2 * LATER_MS, "the back-off alone, not the look");
});

test("a way that only a person can go on from is not due, and says what it wants", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const once = scene.process();
  const operation = pay(once, bank.effect());
  await operation.run(call);
  await once.settle(named, { ...word, step: "charge", executed: "ch_1" });
  await operation.run(call);
  const { dueAt, doubt, lastError = "" } = await recordOf(scene);
  assert.deepEqual([dueAt, doubt], [undefined, "effect-unknown"]);
  assert.match(lastError, /"charge" is known as ch_1.*`retrieve`/);
});

test("what nobody knows is noted in a line that names the step", async () => {
  const scene = stage();
  const bank = acquirer(["frozen after"]);
  const operation = pay(scene.process(), bank.effect());
  await operation.run(call);
  const once = scene.process();
  await once.resume(named, word);
  await pay(once, bank.effect()).run(call);
  assert.match((await recordOf(scene)).lastError ?? "", /"charge"/);
});

test("evidence of a look-up holds what it found, and why it found nothing out", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const answers = [new Error("503 of the search"), undefined, { id: "ch_1", status: "captured" }];
  const find = () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const lookUp = { quietMs: 1_000, find };
  const operation = pay(scene.process(), bank.effect({ lookUp, ways: ["look-up"] }));
  for (let round = 0; round < 4; round += 1) {
    await operation.run(call);
    scene.advance(LATER_MS);
  }
  const noted = (await evidenceOf(scene)).map(({ at: _, ...one }) => one);
  const looked = { step: "charge", source: "look-up" };
  assert.deepEqual(noted.slice(1), [
    { ...looked, finding: "not-found" },
    { ...looked, finding: "executed", reference: "ch_1" },
  ]);
  const [first] = noted;
  assert.equal(first?.finding, "unknown");
  assert.match(first?.detail ?? "", /503 of the search/);
  assert.ok(!("reference" in (first ?? {})));
});

test("a key is sent again for a day less the clocks' margin, unless the effect says otherwise", async () => {
  const margin = 300_000;
  for (const [afterMs, sends] of [
    [24 * HOUR_MS - margin - 5_000, 2],
    [24 * HOUR_MS - margin, 1],
  ] as const) {
    const scene = stage();
    const bank = acquirer(["lost after"]);
    const wall = { ms: 0 };
    const operation = pay(scene.process(), bank.effect());
    await operation.run(call);
    wall.ms = afterMs;
    scene.advance(afterMs);
    await operation.run(call);
    assert.equal(bank.keys.length, sends, `${afterMs}`);
  }
});

test("once cancelled with proof, the new send is under the next key, and its step is whole", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const cancel = () => notExecuted("cancelled by key");
  const operation = pay(scene.process(), bank.effect({ cancel, ways: ["cancel"] }));
  await operation.run(call);
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  const effect = (await stepOf(scene))?.effect;
  assert.deepEqual(
    effect?.sends.map(({ number, generation }) => [number, generation]),
    [
      [1, 0],
      [2, 1],
    ],
  );
  assert.equal(effect?.providerKey, bank.keys[1]);
});
