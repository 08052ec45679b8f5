import assert from "node:assert/strict";
import { test } from "node:test";
import { type Effect, inDoubt, refused, type SendRecord } from "../../src/index.ts";
import {
  acquirer,
  call,
  type Happening,
  LATER_MS,
  LIMITED_MS,
  pay,
  recordOf,
  type Scene,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

const REFUSALS: Happening[] = ["refused connection", "unauthorised", "limited", "invalid"];

async function verdictsOf(scene: Scene): Promise<(SendRecord["verdict"] | undefined)[]> {
  return (await stepOf(scene))?.effect?.sends.map(({ verdict }) => verdict) ?? [];
}

for (const refusal of REFUSALS) {
  test(`H1: a charge whose answer was lost stays in doubt although its replay is refused: ${refusal}`, async () => {
    const scene = stage();
    const bank = acquirer(["lost after", refusal]);
    const operation = pay(scene.process(), bank.effect());
    assert.equal((await operation.run(call)).kind, "in-doubt");
    scene.advance(LATER_MS);
    assert.equal((await operation.run(call)).kind, "in-doubt");
    assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
    assert.equal((await stepOf(scene))?.result, undefined);
    assert.deepEqual(await verdictsOf(scene), ["unanswered", "not-executed"]);
    scene.advance(LATER_MS);
    const result = await operation.run(call);
    assert.equal(result.kind, "succeeded");
    assert.deepEqual([bank.charges.size, new Set(bank.keys).size, bank.keys.length], [1, 1, 3]);
  });
}

for (const refusal of REFUSALS) {
  test(`H1: a step whose every send was refused with proof waits, and uses its key on: ${refusal}`, async () => {
    const scene = stage();
    const bank = acquirer([refusal, "refused connection"]);
    const operation = pay(scene.process(), bank.effect());
    for (let round = 0; round < 2; round += 1) {
      assert.equal((await operation.run(call)).kind, "retry-scheduled");
      assert.equal(await stateOf(scene), "waiting");
      assert.equal((await stepOf(scene))?.result?.kind, "not-executed");
      scene.advance(LATER_MS);
    }
    assert.equal((await operation.run(call)).kind, "succeeded");
    assert.deepEqual([bank.charges.size, new Set(bank.keys).size], [1, 1]);
    assert.equal((await stepOf(scene))?.effect?.generation, 0);
  });
}

test("H1: a mismatch on our own key proves that it was used: in doubt, and no new key", async () => {
  const scene = stage();
  const bank = acquirer(["lost after", "mismatch"]);
  const operation = pay(scene.process(), bank.effect());
  for (let round = 0; round < 4; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    scene.advance(LATER_MS);
  }
  assert.deepEqual([bank.charges.size, bank.keys.length, new Set(bank.keys).size], [1, 2, 1]);
  const { state, doubt, dueAt } = await recordOf(scene);
  assert.deepEqual(
    { state, doubt, dueAt },
    {
      state: "in_doubt",
      doubt: "effect-unknown",
      dueAt: undefined,
    },
  );
});

test("H1: a mismatch on the very first send is a doubt too: somebody has used our key", async () => {
  const scene = stage();
  const bank = acquirer(["mismatch"]);
  assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
});

test("H1: every send is a row with its number, its fence and what it came to", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "failed before", "limited"]);
  const operation = pay(scene.process(), bank.effect());
  for (let round = 0; round < 4; round += 1) {
    await operation.run(call);
    scene.advance(LATER_MS);
  }
  const sends = (await stepOf(scene))?.effect?.sends ?? [];
  assert.deepEqual(
    sends.map(({ number, fence, verdict }) => ({ number, fence, verdict })),
    [
      { number: 1, fence: 1, verdict: "unanswered" },
      { number: 2, fence: 2, verdict: "failed" },
      { number: 3, fence: 3, verdict: "not-executed" },
      { number: 4, fence: 4, verdict: "definite" },
    ],
  );
  assert.equal(sends[0]?.detail, "Error: lost before");
  assert.equal(sends[2]?.detail, "429: Error: limited");
});

test("H1: a request that is refused for good is a decline, unless an earlier send is in doubt", async () => {
  const no = { judge: () => refused({ code: "amount_too_small" }) };
  const fresh = stage();
  const first = await pay(fresh.process(), acquirer(["invalid"]).effect(no)).run(call);
  assert.deepEqual("body" in first && first.body, {
    declined: true,
    decline: { code: "amount_too_small" },
  });
  const scene = stage();
  const bank = acquirer(["lost after", "invalid"]);
  await pay(scene.process(), bank.effect()).run(call);
  scene.advance(LATER_MS);
  assert.equal((await pay(scene.process(), bank.effect(no)).run(call)).kind, "in-doubt");
  assert.deepEqual(await verdictsOf(scene), ["unanswered", "not-executed"]);
  scene.advance(LATER_MS);
  assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "succeeded");
  assert.equal(bank.charges.size, 1);
});

test("H1: a judge that throws has found out nothing", async () => {
  const scene = stage();
  const judge = () => {
    throw new Error("no such field");
  };
  const operation = pay(scene.process(), acquirer(["refused connection"]).effect({ judge }));
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual(await verdictsOf(scene), ["unanswered"]);
});

test("H1: a value that cannot be stored is no result, and no proof that nothing happened", async () => {
  const scene = stage();
  const send = async () => ({ id: 1n }) as never;
  const operation = pay(scene.process(), acquirer().effect({ send }));
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual(await verdictsOf(scene), ["unanswered"]);
});

test("H1: a reference that cannot be read does not lose the charge", async () => {
  const scene = stage();
  const bank = acquirer();
  const reference = () => {
    throw new Error("no such field");
  };
  const operation = pay(scene.process(), bank.effect({ reference }));
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal((await stepOf(scene))?.effect?.reference, undefined);
});

test("S7: a refusal that names its time is not asked again before it", async () => {
  const scene = stage();
  const bank = acquirer(["limited"]);
  const operation = pay(scene.process(), bank.effect());
  const refused = await operation.run(call);
  assert.ok("retryAfterMs" in refused && (refused.retryAfterMs ?? 0) >= LIMITED_MS);
  scene.advance(LIMITED_MS - 1_000);
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.equal(bank.keys.length, 1);
  scene.advance(2_000);
  assert.equal((await operation.run(call)).kind, "succeeded");
});

test("S8: a decline after a lost answer is the provider's word on the key, and final", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "declined"]);
  const operation = pay(scene.process(), bank.effect());
  assert.equal((await operation.run(call)).kind, "in-doubt");
  scene.advance(LATER_MS);
  const result = await operation.run(call);
  assert.deepEqual("body" in result && result.body, {
    declined: true,
    decline: { code: "no_funds" },
  });
  assert.equal((await stepOf(scene))?.result?.kind, "declined");
});

test("H24: a payment that awaits its customer is a value, not a doubt and not a failure", async () => {
  for (const status of ["requires_action", "processing", "pending", "redirect"]) {
    const scene = stage();
    let sent = 0;
    const send = async () => ({ id: "pi_1", status: sent++ === 0 ? status : "captured" });
    const operation = pay(scene.process(), acquirer().effect({ send }));
    const first = await operation.run(call);
    assert.deepEqual("body" in first && first.body, {
      declined: false,
      value: { id: "pi_1", status },
    });
    assert.deepEqual(await operation.run(call), { ...first, replayed: true });
    assert.equal(sent, 1);
    assert.equal((await stepOf(scene))?.result?.kind, "succeeded");
  }
});

test("S8: a doubt that is returned, or a judgement that is none, never passes for a value", async () => {
  const odd: Partial<Effect<unknown, unknown>>[] = [
    { send: (() => inDoubt("failed")) as never },
    {
      send: () => {
        throw new Error("no answer");
      },
      judge: (() => "succeeded") as never,
    },
  ];
  for (const each of odd) {
    const scene = stage();
    const operation = pay(scene.process(), { ...acquirer().effect(), ...each } as never);
    assert.equal((await operation.run(call)).kind, "in-doubt");
    assert.equal((await stepOf(scene))?.result, undefined);
    assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
  }
});
