import assert from "node:assert/strict";
import fc from "fast-check";
import { fail, ok } from "../../src/index.ts";
import { isFinal } from "../../src/model/operation.ts";
import { testProperty } from "../property.ts";
import {
  call,
  evidenceOf,
  HOUR_MS,
  LATER_MS,
  LEASE_MS,
  named,
  quietClock,
  recordOf,
  type Scene,
  settleTurn,
  word,
} from "./acquirer.ts";
import { type Forgetful, forgetful, HAPPENINGS, type Happening, type Rules } from "./forgetful.ts";
import { Order, stage } from "./stage.ts";

/** One thing that happens to the operation. */
type Turn =
  | { readonly type: "retry" | "worker"; readonly happening: Happening }
  | { readonly type: "advance"; readonly ms: number }
  | { readonly type: "land" | "word" | "resume" };

const anyTurn: fc.Arbitrary<Turn> = fc.oneof(
  { weight: 5, arbitrary: runOf("retry") },
  { weight: 2, arbitrary: runOf("worker") },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("advance" as const),
      ms: fc.constantFrom(LEASE_MS + 1, LATER_MS, 2 * HOUR_MS, 25 * HOUR_MS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom("land" as const, "word" as const, "resume") }),
  },
);

function runOf(type: "retry" | "worker"): fc.Arbitrary<Turn> {
  return fc.record({ type: fc.constant(type), happening: fc.constantFrom(...HAPPENINGS) });
}

const anyRules: fc.Arbitrary<Rules> = fc.record({
  keyed: fc.boolean(),
  lookUp: fc.constantFrom("none", "proves", "proves nothing"),
  lookUpFirst: fc.boolean(),
  replayAfterFailure: fc.boolean(),
});

testProperty(
  "H1, H5, H11: whatever the sends come to, there is one charge at most, and not executed has its proof",
  fc.asyncProperty(
    anyRules,
    fc.array(anyTurn, { minLength: 1, maxLength: 14 }),
    async (rules, turns) => {
      const scene = stage();
      const bank = forgetful();
      for (const turn of turns) {
        await take(scene, bank, rules, turn);
        await check(scene, bank);
      }
      await finish(scene, bank, rules);
      await check(scene, bank);
    },
  ),
);

/** A process of its own each time, as after a crash or on another machine. */
function open(scene: Scene, bank: Forgetful, rules: Rules) {
  const once = scene.process({ clock: quietClock, onEvent: () => undefined });
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      const charge = await op.external("charge", bank.effect(rules));
      return charge.declined ? fail(charge.decline, 402) : ok(charge.value, 201);
    },
  });
  return { once, operation };
}

async function take(scene: Scene, bank: Forgetful, rules: Rules, turn: Turn): Promise<void> {
  const { once, operation } = open(scene, bank, rules);
  switch (turn.type) {
    case "retry":
    case "worker": {
      bank.next = turn.happening;
      const run = turn.type === "retry" ? operation.run(call) : once.worker.runOnce();
      // A run whose send hangs never ends; the next one takes its claim over.
      await (turn.happening.startsWith("hangs") ? Promise.race([run, settleTurn()]) : run);
      bank.next = undefined;
      return;
    }
    case "advance":
      return advance(scene, bank, turn.ms);
    case "land":
      return bank.land();
    case "word":
      return speak(scene, bank, rules);
    case "resume":
      await once.resume(named, word);
  }
}

function advance(scene: Scene, bank: Forgetful, ms: number): void {
  scene.advance(ms);
  bank.now += ms;
}

/** A person says what is in the provider's books, once nothing is on its way any more. */
async function speak(scene: Scene, bank: Forgetful, rules: Rules): Promise<void> {
  const { once } = open(scene, bank, rules);
  const [made] = bank.made;
  const told = { ...word, step: "charge" };
  if (made !== undefined)
    await once.settle(named, { ...told, executed: made.charge.id, value: made.charge });
  else if (!bank.underWay()) await once.settle(named, { ...told, notExecuted: true });
}

async function check(scene: Scene, bank: Forgetful): Promise<void> {
  assert.ok(bank.made.length <= 1, `${bank.made.length} charges`);
  const read = await scene.store.list({ limit: 1 });
  if (read.kind !== "ok" || read.value.length === 0) return;
  const { state, steps } = await recordOf(scene);
  const [step] = steps;
  if (step?.result?.kind === "not-executed") {
    const proofs = (await evidenceOf(scene)).map(({ finding }) => finding);
    const told = proofs.includes("not-executed") || proofs.includes("not-found");
    const sends = step.effect?.sends ?? [];
    const untouched = sends.every(({ verdict }) => verdict === "not-executed");
    assert.ok(told || untouched, "not executed, without a proof");
  }
  if (state === "succeeded") assert.equal(bank.made.length, 1, "succeeded without a charge");
  if (state === "failed") assert.equal(bank.made.length, 0, "failed although it was charged");
  if (isFinal(state)) assert.notEqual(step?.result?.kind, "not-executed");
}

/** The provider is well again, and a person is there: then the operation ends. */
async function finish(scene: Scene, bank: Forgetful, rules: Rules): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    advance(scene, bank, 2 * HOUR_MS);
    await open(scene, bank, rules).operation.run(call);
    if (isFinal((await recordOf(scene)).state)) return;
    await speak(scene, bank, rules);
  }
  assert.fail("the operation does not end");
}
