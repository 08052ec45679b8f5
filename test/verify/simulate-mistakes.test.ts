import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { ok } from "../../src/index.ts";
import { type SimulationReport, simulate, type Violation } from "../../src/verify/simulate.ts";
import { type Habits, Order, paidOnce, REQUESTS, simulateShop } from "./shop.ts";

const HISTORIES = 40;

function found(report: SimulationReport, promise: string): Violation {
  const violation = report.violations.find((one) => one.promise === promise);
  assert.ok(violation, report.text);
  return violation;
}

test("a charge outside of an external step is found, and one fault shows it", async () => {
  const report = await simulate({
    ...{ histories: HISTORIES, requests: REQUESTS, invariant: paidOnce },
    build: ({ once, provider }) => ({
      checkout: once.operation("checkout", {
        input: Order,
        handler: async (op, { amount }) => {
          await provider.charge({ amount });
          return op.settle((tx) => {
            tx.table("orders").put(op.key, { status: "paid" });
            return ok({ paid: true }, 201);
          });
        },
      }),
    }),
  });
  const { detail, history, faults } = found(report, "the invariant");
  assert.equal(faults, 1, history);
  assert.equal(detail, "1 paid orders, 2 charges");
  assert.equal(history.match(/provider\.charge answers/g)?.length, 2);
});

test("a key that each attempt draws anew is found, and one fault shows it", async () => {
  const habits: Habits = {
    send: (provider, _, amount) => provider.charge({ key: randomUUID(), amount }),
  };
  const { faults, history } = found(await simulateShop(habits, HISTORIES), "the invariant");
  assert.equal(faults, 1, history);
});

test("an effect that is declared keyless although it has a key is found: it needs a person", async () => {
  const report = await simulateShop({ keyed: false }, HISTORIES);
  const { detail, faults } = found(report, "no operation needs a person");
  assert.match(detail, /effect-unknown/);
  assert.equal(faults, 1);
  assert.ok(report.successShare < 1);
});

test("a key that the provider does not honour is found", async () => {
  const report = await simulateShop({}, HISTORIES, { provider: { keys: "ignored" } });
  found(report, "the invariant");
});

test("a send that takes a lost answer for a success is found", async () => {
  const habits: Habits = {
    send: (provider, key, amount) =>
      provider.charge({ key, amount }).catch(() => ({
        ...{ id: "ch_unknown", amount, status: "succeeded", refunded: false },
        ...{ key, mark: undefined },
      })),
  };
  const { detail } = found(await simulateShop(habits, HISTORIES), "the invariant");
  assert.equal(detail, "1 paid orders, 0 charges");
});

test("a step whose input is drawn anew by each attempt is found", async () => {
  const report = await simulateShop({ salt: () => randomUUID() }, HISTORIES);
  const { detail } = found(report, "a handler takes the same steps again");
  assert.match(detail, /drawn anew/);
});

test("a shop without mistakes violates nothing under the same faults", async () => {
  const report = await simulateShop({}, HISTORIES);
  assert.ok(report.passed, report.text);
  assert.equal(report.successShare, 1);
});

test("a keyless effect may end in doubt where that is allowed, and is never charged twice", async () => {
  const report = await simulateShop({ keyed: false }, HISTORIES, {
    doubts: "allowed",
    invariant({ provider, operations }) {
      const amounts = new Set(provider.standing.map(({ amount }) => amount));
      if (amounts.size !== provider.standing.length) return "a second charge";
      const unpaid = operations.filter(({ state }) => state === "succeeded").length > amounts.size;
      return unpaid ? "an order without a charge" : undefined;
    },
  });
  assert.ok(report.passed, report.text);
  assert.ok(report.operations.inDoubt > 0);
});
