import assert from "node:assert/strict";
import { test } from "node:test";
import { ok } from "../../src/index.ts";
import { type SimulationReport, simulate } from "../../src/verify/simulate.ts";
import { Order, REQUESTS, simulateShop } from "./shop.ts";

test("what a failover forgets is done again, and charged once", async () => {
  const report = await simulateShop({}, 400, { failover: true });
  assert.ok(report.passed, report.text);
  assert.ok((report.faults["store"]?.failover ?? 0) > 20, report.text);
});

test("nothing fails over unless it was asked for", async () => {
  const report = await simulateShop({}, 100);
  assert.equal(report.faults["store"], undefined);
});

/** A shop that draws a provider key of its own and keeps it, where a failover can forget it. */
function withKeptKeys(failover: boolean): Promise<SimulationReport> {
  return simulate({
    ...{ histories: 300, failover },
    build: ({ once, provider, random }) => ({
      checkout: once.operation("checkout", {
        input: Order,
        handler: async (op, { amount }) => {
          const key = await op.atomic("key", () => Buffer.from(random.bytes(8)).toString("hex"));
          await op.external("charge", {
            input: { amount },
            send: () => provider.charge({ key, amount }),
          });
          return ok({ paid: true }, 201);
        },
      }),
    }),
    requests: REQUESTS,
    invariant: ({ provider, operations }) =>
      provider.standing.length === operations.filter(({ state }) => state === "succeeded").length,
  });
}

test("a provider key that was drawn and stored charges twice once it is forgotten", async () => {
  assert.ok((await withKeptKeys(false)).passed);
  const report = await withKeptKeys(true);
  assert.ok(!report.passed);
  assert.match(report.text, /the store fails over, and forgets what was committed last/);
  assert.match(report.text, /Repeat it with: simulate/);
});
