import assert from "node:assert/strict";
import { test } from "node:test";
import { atomicDefinition, operationDefinition } from "../../src/core/options.ts";
import { createSettings, SETTINGS_DEFAULT } from "../../src/core/settings.ts";
import { isNevertwiceError, nevertwice, ok } from "../../src/index.ts";
import type { Process } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

const isInvalid = (error: unknown): boolean => isNevertwiceError(error, "option-invalid");
const handler = () => ok();
const DAY_MS = 86_400_000;

test("the defaults are those that the guides name", () => {
  assert.deepEqual(createSettings({}), {
    ...{ leaseMs: 30_000, runForMs: 600_000, waitMs: 2_000, waitersMax: 1_000, attemptsMax: 10 },
    ...{ storeTimeoutMs: 5_000, requestBytesMax: 1_048_576, responseBytesMax: 1_048_576 },
    ...{ backoff: SETTINGS_DEFAULT.backoff, keyHorizonMs: undefined },
    retention: { responseMs: 7 * DAY_MS },
  });
  assert.equal(createSettings({ leaseMs: undefined }).leaseMs, 30_000);
});

const LEAST: Readonly<Record<string, number>> = {
  ...{ leaseMs: 100, runForMs: 1, waitersMax: 1, attemptsMax: 1, storeTimeoutMs: 1 },
  ...{ requestBytesMax: 1, responseBytesMax: 1, waitMs: 0, keyHorizonMs: 1 },
};

for (const [name, least] of Object.entries(LEAST))
  test(`${name} is a whole number from ${least}`, () => {
    const given = (value: unknown) => () => createSettings({ [name]: value });
    assert.equal((given(least)() as unknown as Record<string, number>)[name], least);
    for (const value of [least - 1, least + 0.5, Number.NaN, "1000", null])
      assert.throws(given(value), isInvalid, String(value));
    assert.throws(given(least - 1), new RegExp(name));
  });

for (const [name, least] of [
  ["responseMs", 0],
  ["eventMs", 0],
  ["messageMs", 0],
  ["eventKeyMs", 35 * DAY_MS],
] as const)
  test(`retention.${name} is a whole number from ${least}`, () => {
    const given = (value: number) => () =>
      createSettings({ retention: { responseMs: 1, [name]: value } });
    assert.doesNotThrow(given(least));
    assert.throws(given(least - 1), (error) => isInvalid(error) && /retention/.test(String(error)));
  });

test("an option that does not exist is refused by its name", () => {
  assert.throws(() => createSettings({ leaseMS: 1 } as object), /leaseMS/);
});

test("what an operation does not say is version 1, its whole input and one key for all", () => {
  const expected = {
    ...{ name: "pay", version: 1, aliases: [], input: Order, fields: undefined },
    ...{ keysPer: "scope", redact: [], afterCrash: "rerun", previous: new Map() },
    ...{ compensations: {}, handler },
  };
  const options = { input: Order, handler };
  assert.deepEqual(operationDefinition("pay", options), { ...expected, form: "resumable" });
  const atomic = { ...expected, form: "atomic", planned: false };
  assert.deepEqual(atomicDefinition("pay", options), atomic);
  const planned = atomicDefinition("pay", { input: Order, plan: handler });
  assert.deepEqual(planned, { ...atomic, planned: true });
});

test("what an operation says is taken as it says it", () => {
  const previous = { 1: { handler }, 2: { input: Order, handler } };
  const given = {
    ...{ version: 3, input: Order, handler, fingerprint: ["amount"], aliases: ["buy"] },
    ...({ redact: ["card"], previous } as const),
    compensations: { charge: () => ({ send: () => 1 }) },
  };
  const definition = operationDefinition("pay", given);
  assert.deepEqual(
    [definition.version, definition.fields, definition.aliases],
    [3, ["amount"], ["buy"]],
  );
  const perName = operationDefinition("pay", { input: Order, handler, keysPer: "operation" });
  assert.equal(perName.keysPer, "operation");
  assert.deepEqual([definition.redact, definition.compensations], [["card"], given.compensations]);
  assert.deepEqual(
    [...definition.previous],
    [
      [1, { input: undefined, handler }],
      [2, { input: Order, handler }],
    ],
  );
});

const declared =
  (options: object, name = "pay") =>
  () =>
    stage()
      .process()
      .operation(name, { input: Order, handler, ...options } as never);

test("an operation's name starts with a letter and has at most 100 characters", () => {
  for (const name of ["a", `Z${"9".repeat(99)}`, "a.b_c:d-e"])
    assert.doesNotThrow(declared({}, name));
  for (const name of ["", "9a", `a${"9".repeat(100)}`, "a b", "ä", "_a"])
    assert.throws(declared({}, name), isInvalid, name);
});

for (const [what, options] of Object.entries({
  "a version below 1": { version: 0 },
  "a version that is no whole number": { version: 1.5 },
  "a fingerprint that is no list": { fingerprint: "amount" },
  "former names, and keys of its own name": { keysPer: "operation", aliases: ["buy"] },
  "no schema": { input: undefined },
  "an input that is no schema": { input: {} },
  "a schema that cannot validate": { input: { "~standard": { version: 1 } } },
  "no handler": { handler: undefined },
  "a previous version that is today's": { previous: { 1: { handler } } },
  "a previous version without a handler": { version: 2, previous: { 1: {} } },
}))
  test(`an operation is refused that has ${what}`, () => {
    assert.throws(declared(options), isInvalid);
  });

test("an operation is refused that says nothing at all", () => {
  const { operation } = stage().process();
  assert.throws(() => operation("pay", undefined as never), isInvalid);
});

test("a wrapped handler's definition is its name and what a crash of it means", () => {
  const { definition } = stage().process().opaque("orders", { afterCrash: "doubt" }).door;
  assert.deepEqual(definition, {
    ...{ name: "orders", version: 1, form: "opaque", afterCrash: "doubt", keysPer: "scope" },
    ...{ aliases: [], redact: [], input: undefined, fields: undefined, handler: undefined },
    ...{ previous: new Map(), compensations: {} },
  });
});

test("a house needs a store, and a namespace of 1 to 100 characters if any", () => {
  const { store } = stage();
  for (const wrong of [undefined, {}, { claim: 1 }])
    assert.throws(() => nevertwice({ store: wrong as never }), isInvalid);
  for (const namespace of ["", "x".repeat(101), 7, ["x"]])
    assert.throws(() => nevertwice({ store, namespace: namespace as string }), isInvalid);
  for (const namespace of ["x", "x".repeat(100), undefined])
    assert.doesNotThrow(() => nevertwice({ store, ...(namespace ? { namespace } : {}) }));
});

test("two operations of one name are refused, and a wrapped handler may be mounted twice", () => {
  const once = stage().process();
  const declare = (to: Process) => to.operation("pay", { input: Order, handler });
  declare(once);
  assert.throws(() => declare(once), isInvalid);
  once.opaque("orders", { afterCrash: "doubt" });
  assert.doesNotThrow(() => once.opaque("orders", { afterCrash: "doubt" }));
});
