import assert from "node:assert/strict";
import { test } from "node:test";
import { handlerOf, inboxDefinition, objectOf } from "../../../src/core/inbox/declaration.ts";
import { relayOf } from "../../../src/core/outbox/relay.ts";
import { isNevertwiceError, type Sender } from "../../../src/index.ts";
import { ARRIVED_TOPIC } from "../../../src/model/message.ts";
import { ground } from "./ground.ts";

type Given = Parameters<typeof inboxDefinition>;

const HOUR_MS = 3_600_000;
const handler = (): undefined => undefined;
const states = { order: ["open", "paid"], of: () => "paid" };

const isInvalid = (error: unknown): boolean => isNevertwiceError(error, "option-invalid");

test("an inbox is declared with what it needs, and the rest is as it is told", () => {
  const { handlers, objects, ...rest } = inboxDefinition("acme", { paid: handler } as Given[1]);
  assert.deepEqual(rest, {
    ...{ source: "acme", mode: "queued", sweep: undefined },
    ...{ sweepEveryMs: 900_000, retryForMs: 72 * HOUR_MS, readMs: 10_000 },
  });
  assert.deepEqual(
    [[...handlers], [...objects]],
    [[["paid", { nature: "repeating", handler }]], []],
  );
});

const WRONG: readonly (readonly [unknown, unknown])[] = [
  [{}, { mode: "later" }],
  ...["sweepEveryMs", "retryForMs", "readMs"].flatMap((name) =>
    [0, -1, Number.NaN, Number.POSITIVE_INFINITY].map((ms) => [{}, { [name]: ms }] as const),
  ),
  [{ paid: { nature: "sometimes", handler } }, {}],
  [{ paid: { nature: "once-only" } }, {}],
  [{}, { objects: { payment: { apply: handler } } }],
  [{}, { objects: { payment: { states: { ...states, order: "paid" } } } }],
  [{}, { objects: { payment: { states: { ...states, order: [] } } } }],
  [{}, { objects: { payment: { states: { order: states.order } } } }],
];

for (const [handlers, options] of WRONG)
  test(`an inbox that is declared wrongly is refused: ${JSON.stringify([handlers, options])}`, () => {
    assert.throws(
      () => inboxDefinition("acme", handlers as Given[1], options as Given[2]),
      isInvalid,
    );
  });

test("natures, objects and both modes are taken as they are declared", () => {
  const sweep = { pages: handler } as unknown as NonNullable<Given[2]>["sweep"];
  const payment = { states, apply: handler };
  const definition = inboxDefinition(
    "acme",
    {
      paid: { nature: "once-only", handler },
      reversed: { nature: "corrective", handler },
      "*": { nature: "repeating", handler },
    } as Given[1],
    {
      ...{ mode: "inline", sweep, sweepEveryMs: 1, retryForMs: 2, readMs: 3 },
      objects: { payment, refund: {} },
    } as Given[2],
  );
  const { mode, sweepEveryMs, retryForMs, readMs } = definition;
  assert.deepEqual([mode, sweepEveryMs, retryForMs, readMs], ["inline", 1, 2, 3]);
  assert.equal(definition.sweep, sweep);
  assert.equal(objectOf(definition, { kind: "payment", id: "pi_1" }), payment);
  assert.equal(objectOf(definition, { kind: "order", id: "o_1" }), undefined);
  assert.equal(objectOf(definition, undefined), undefined);
  const natureOf = (type: string) => handlerOf(definition, type)?.nature;
  assert.deepEqual(["paid", "reversed", "other"].map(natureOf), [
    ...["once-only", "corrective", "repeating"],
  ]);
  assert.equal(handlerOf(inboxDefinition("acme", {}), "paid"), undefined);
});

test("a relay is declared with a topic, a send and lengths of time", () => {
  const { process } = ground();
  const once = process();
  const send = () => undefined;
  once.relay("x".repeat(255), send);
  once.relay("sender", { send, timeoutMs: 1 } as Sender, { dedupeMs: 0 });
  for (const [topic, sending, options] of [
    ["", send, {}],
    [7, send, {}],
    ["x".repeat(256), send, {}],
    ["mail", null, {}],
    ["mail", {}, {}],
    ["mail", "send", {}],
    ["sender", send, {}],
    ...["dedupeMs", "timeoutMs", "retryForMs"].flatMap((name) =>
      [-1, Number.NaN, "1"].map((ms) => ["mail", send, { [name]: ms }] as const),
    ),
  ] as const)
    assert.throws(
      () => once.relay(topic as string, sending as never, options as never),
      isInvalid,
      JSON.stringify([topic, options]),
    );
});

test("what a relay does not say is thirty seconds a send, 75 hours in all, and no memory", () => {
  const { topic, dedupeMs, timeoutMs, retryForMs, reference } = relayOf("mail", () => undefined);
  assert.deepEqual([topic, dedupeMs, timeoutMs, retryForMs], ["mail", 0, 30_000, 75 * HOUR_MS]);
  assert.equal(reference({ id: "m_1" }), undefined);
});

test("two inboxes of one source, or a relay of our own topic, are refused", () => {
  const once = ground().process();
  assert.throws(() => once.relay(ARRIVED_TOPIC, () => undefined), isInvalid);
  once.inbox({ source: "acme" }, {});
  assert.throws(() => once.inbox({ source: "acme" }, {}), isInvalid);
});

test("a store that keeps no events and no messages says so when they are declared", () => {
  const { process, store } = ground();
  const { inbox: _, outbox: __, ...bare } = store;
  const once = process({ store: bare as typeof store });
  const isMissing = (error: unknown) => isNevertwiceError(error, "capability-missing");
  assert.throws(() => once.inbox({ source: "acme" }, {}), isMissing);
  assert.throws(() => once.relay("mail", () => undefined), isMissing);
});
