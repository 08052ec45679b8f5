import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, ok } from "../../src/index.ts";
import {
  call,
  gate,
  LATER_MS,
  LEASE_MS,
  type Process,
  quietClock,
  recordOf,
  type Scene,
  settleTurn,
  stateOf,
} from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";

type Handler = Parameters<Process["operation"]>[1]["handler"];
type Store = Scene["store"];

/** What the store answers to the writes of one kind, in order; the last one is repeated. */
type Answers = readonly ("lost" | "landed" | "refused" | "refused for now" | "stale" | "through")[];

const gone = { kind: "not-known", error: new Error("gone") } as const;

/** A process whose pauses take no time, on a store that answers its writes as told. */
function insisting(
  scene: Scene,
  name: "settle" | "suspend" | "transact" | "begin",
  answers: Answers,
) {
  const pauses: number[] = [];
  let tries = 0;
  const write = async (...given: readonly unknown[]): Promise<unknown> => {
    const answer = answers[Math.min(tries, answers.length - 1)];
    tries += 1;
    const through = scene.store[name] as (...given: readonly unknown[]) => Promise<unknown>;
    if (answer === "through") return through(...given);
    if (answer === "landed") await through(...given);
    if (answer === "stale") return { kind: "ok", value: "stale" };
    if (answer?.startsWith("refused"))
      return { kind: "not-applied", error: gone.error, again: answer === "refused for now" };
    return gone;
  };
  const once = scene.process({
    store: { ...scene.store, [name]: write } as Store,
    clock: { ...quietClock, sleep: async (ms) => void pauses.push(ms) },
    random: { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)), fraction: () => 1 },
  });
  const run = (handler: Handler) =>
    once.operation("pay", { input: Order, handler: handler as never }).run(call);
  return { run, pauses, tries: () => tries };
}

const errorOf = (result: object) => String("error" in result && result.error);
const throwing = () => {
  throw new Error("a bug");
};

for (const [answers, tries, pauses] of [
  [["lost"], 4, [50, 100, 150]],
  [["refused for now"], 4, [50, 100, 150]],
  [["refused"], 1, []],
  [["lost", "refused"], 4, [50, 100, 150]],
] as const satisfies readonly (readonly [Answers, number, readonly number[]])[])
  test(`a settlement that never comes leaves a doubt: ${answers.join(", then ")}`, async () => {
    const scene = stage();
    const store = insisting(scene, "settle", answers);
    const result = await store.run(() => ok());
    assert.ok(result.kind === "in-doubt");
    assert.equal(result.retryAfterMs, 5_000);
    assert.match(errorOf(result), /gone/);
    assert.deepEqual([store.tries(), store.pauses], [tries, pauses]);
    assert.equal(await stateOf(scene), "running");
  });

for (const answers of [["landed"], ["lost", "landed"], ["lost", "through"]] as const)
  test(`a settlement whose answer is lost is the first answer all the same: ${answers}`, async () => {
    const scene = stage();
    const store = insisting(scene, "settle", answers);
    const result = await store.run(() => ok({ id: 7 }, 201));
    assert.ok(result.kind === "succeeded");
    assert.deepEqual([result.status, result.body, result.replayed], [201, { id: 7 }, false]);
    assert.equal(store.tries(), answers.length);
    assert.equal(scene.events.at(-1)?.type, "operation.settled");
  });

test("a settlement that is refused as stale is no outcome", async () => {
  const scene = stage();
  const result = await insisting(scene, "settle", ["stale"]).run(() => ok());
  assert.equal(result.kind, "in-progress");
  assert.equal(scene.events.at(-1)?.type, "operation.stale");
});

test("the outcome of a newer claim is not taken for one's own", async () => {
  const scene = stage();
  let others = 0;
  const settle: Store["settle"] = async (...given) => {
    others += 1;
    if (others > 1) return scene.store.settle(...given);
    scene.advance(LEASE_MS + 1);
    const other = scene.process();
    await other.operation("pay", { input: Order, handler: () => ok("newer") }).run(call);
    return gone;
  };
  const once = scene.process({ store: { ...scene.store, settle } });
  const older = once.operation("pay", { input: Order, handler: () => ok("older") });
  const result = await older.run(call);
  assert.ok(result.kind === "succeeded");
  assert.deepEqual([result.body, result.replayed], ["newer", true]);
});

test("an end without an outcome is written until it is known to be there", async () => {
  for (const answers of [["lost", "through"], ["landed"]] as const) {
    const scene = stage();
    const store = insisting(scene, "suspend", answers);
    const result = await store.run(throwing);
    assert.equal(result.kind, "retry-scheduled");
    assert.match(errorOf(result), /a bug/);
    assert.deepEqual([await stateOf(scene), store.tries()], ["waiting", answers.length]);
  }
});

test("an end without an outcome that never comes is in doubt, by the first error that is known", async () => {
  const scene = stage();
  const result = await insisting(scene, "suspend", ["lost"]).run(throwing);
  assert.ok(result.kind === "in-doubt");
  assert.equal(result.retryAfterMs, 5_000);
  assert.match(errorOf(result), /a bug/);
  const passing = await insisting(stage(), "suspend", ["lost"]).run(() => ok({}, 429));
  assert.deepEqual([passing.kind, /gone/.test(errorOf(passing))], ["in-doubt", true]);
});

test("an end without an outcome that is stale, or another's, is answered from the record", async () => {
  const scene = stage();
  const result = await insisting(scene, "suspend", ["stale"]).run(throwing);
  assert.equal(result.kind, "in-progress");
  const later = stage();
  let tries = 0;
  const suspend: Store["suspend"] = async (...given) => {
    tries += 1;
    if (tries > 1) return later.store.suspend(...given);
    later.advance(LEASE_MS + 1);
    await later.process().operation("pay", { input: Order, handler: throwing }).run(call);
    later.events.length = 0;
    return gone;
  };
  const once = later.process({ store: { ...later.store, suspend } });
  await once.operation("pay", { input: Order, handler: throwing }).run(call);
  assert.deepEqual(
    later.events.map(({ type }) => type),
    ["operation.stale"],
  );
});

for (const [answers, tries] of [
  [["refused"], 1],
  [["refused for now"], 4],
] as const)
  test(`a transaction that was surely not applied leaves its handler alive: ${answers}`, async () => {
    const store = insisting(stage(), "transact", answers);
    const result = await store.run(async (op) => {
      await assert.rejects(
        op.atomic("reserve", () => 1),
        /gone/,
      );
      return ok("without it");
    });
    assert.deepEqual(["body" in result && result.body, store.tries()], ["without it", tries]);
  });

test("a transaction of which nothing is known ends its run, whatever the handler makes of it", async () => {
  for (const answers of [["lost"], ["lost", "refused"]] as const) {
    const scene = stage();
    const result = await insisting(scene, "transact", answers).run(async (op) => {
      await op.atomic("reserve", () => 1).catch(() => undefined);
      return ok("without it");
    });
    assert.equal(result.kind, "retry-scheduled");
    assert.match(errorOf(result), /gone/);
  }
});

test("a begin that is refused as stale loses the claim, and every step after it says so", async () => {
  const scene = stage();
  const heard: unknown[] = [];
  const sent: string[] = [];
  await insisting(scene, "begin", ["stale"]).run(async (op) => {
    for (const name of ["one", "two"])
      await op
        .external(name, { send: () => sent.push(name) })
        .catch((error: unknown) => heard.push(error));
    return ok();
  });
  assert.deepEqual(sent, []);
  for (const error of heard) {
    assert.ok(error instanceof Error && isNevertwiceError(error, "lease-lost"));
    assert.ok(isNevertwiceError(error.cause, "lease-lost"));
  }
  assert.equal(heard.length, 2);
  assert.ok(scene.events.some(({ type }) => type === "lease.lost"));
});

test("a step that begins after the claim was given up is neither begun nor sent", async () => {
  const scene = stage();
  const clock = handClock();
  const held = gate();
  const begun: string[] = [];
  const store: Store = {
    ...scene.store,
    renew: async () => gone,
    begin: (holder, step) => {
      begun.push(step.name);
      return scene.store.begin(holder, step);
    },
  };
  const heard = Promise.withResolvers<unknown>();
  const running = scene
    .process({ clock, store })
    .operation("pay", {
      input: Order,
      handler: async (op) => {
        await held.passed;
        await op.external("charge", { send: () => 1 }).catch(heard.resolve);
        return ok();
      },
    })
    .run(call);
  await settleTurn();
  await clock.pass(LEASE_MS);
  await running;
  held.open();
  assert.ok(isNevertwiceError((await heard.promise) as Error, "lease-lost"));
  assert.deepEqual([begun, (await recordOf(scene)).steps], [[], []]);
});

test("a step's name has 1 to 200 characters", async () => {
  const result = await stage()
    .process()
    .operation("pay", {
      input: Order,
      handler: async (op) => {
        for (const name of ["", "x".repeat(201), 7, undefined, "a\0b", "\uDC00"])
          await assert.rejects(
            op.atomic(name as string, () => 1),
            (error) => isNevertwiceError(error, "option-invalid"),
          );
        return ok(await op.atomic("x".repeat(200), () => 1));
      },
    })
    .run(call);
  assert.equal("body" in result && result.body, 1);
});

const SEND = { send: () => ({ id: "ch_1" }) };

test("an external step is refused after its settlement, and one that is no effect before anything", async () => {
  const scene = stage();
  const heard: unknown[] = [];
  const result = await scene
    .process()
    .operation("pay", {
      input: Order,
      handler: async (op) => {
        for (const effect of [undefined, {}, { send: 7 }])
          await assert.rejects(op.external("charge", effect as never), (error) =>
            isNevertwiceError(error, "option-invalid"),
          );
        await op.external("charge", SEND);
        const end = await op.settle(() => ok());
        heard.push(await op.external("late", SEND).catch((error: unknown) => error));
        return end;
      },
    })
    .run(call);
  assert.equal(result.kind, "succeeded");
  assert.ok(isNevertwiceError(heard[0] as Error, "operation-settled"));
});

test("H12: what was an effect of its own is not taken for a taking back of the same name", async () => {
  const scene = stage();
  const build = (again: boolean) =>
    scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        await op.external("charge", SEND);
        if (again) await op.compensate("charge", SEND);
        else await op.external("compensate:charge", SEND);
        throw new Error("crash");
      },
    });
  await build(false).run(call);
  scene.advance(LATER_MS);
  await build(true).run(call);
  assert.equal(await stateOf(scene), "in_doubt: definition-changed");
});
