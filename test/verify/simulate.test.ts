import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { fail, ok } from "../../src/index.ts";
import { type SimulationReport, simulate } from "../../src/verify/simulate.ts";
import { declareCheckout, Order, REQUESTS, simulateShop } from "./shop.ts";

test("a seed repeats its histories, and a violation's seed repeats its shortest history", async () => {
  const run = (seed: number, histories: number): Promise<SimulationReport> =>
    simulateShop({}, histories, { seed, provider: { keys: "ignored" } });
  const first = await run(1, 12);
  assert.deepEqual(await run(1, 12), first);
  const [violation] = first.violations;
  assert.ok(violation);
  assert.match(violation.again, new RegExp(`seed: ${violation.seed}, histories: 1`));
  const again = (await run(violation.seed, 1)).violations;
  const same = again.find(({ promise }) => promise === violation.promise);
  assert.equal(same?.history, violation.history);
  assert.ok(first.text.includes(violation.history.split("\n")[0] ?? "?"));
});

test("every kind of fault strikes, and those of a call strike store and provider", async () => {
  const { faults } = await simulateShop({}, 200);
  const met = (place: string): string[] => Object.keys(faults[place] ?? {}).toSorted();
  const everywhere = ["crash-after", "crash-before", "delay"];
  const call = [...everywhere, "late-answer", "lost-answer", "lost-request", "pause"];
  assert.deepEqual(met("provider.charge"), call);
  assert.deepEqual(met("store.transact"), [...call, "late-commit", "outage", "refused"].toSorted());
  assert.deepEqual(met("store.claim"), [...call, "outage", "refused"].toSorted());
  assert.deepEqual(met("clock"), ["skew", "stall"]);
});

test("declines fail, refunds take back, and look-ups resolve what has no key", async () => {
  const report = await simulate({
    histories: 60,
    provider: { declines: ({ amount }) => amount > 1_000 },
    build: ({ once, provider }) => ({
      book: once.operation("book", {
        input: z.object({ fare: z.int(), tax: z.int() }),
        handler: async (op, { fare, tax }) => {
          const mark = `${op.key}:fare`;
          const first = await op.external("fare", {
            ...{ input: { fare }, ways: ["look-up"] },
            send: () => provider.charge({ amount: fare, mark }),
            lookUp: { quietMs: 5_000, absenceProves: true, find: () => provider.find(mark) },
          });
          const second = await op.external("tax", {
            input: { tax },
            send: ({ key }) => provider.charge({ key, amount: tax }),
          });
          if (!second.declined || first.declined) return ok({ booked: true }, 201);
          const { id } = first.value;
          await op.compensate("fare", {
            input: { id },
            send: ({ key }) => provider.refund({ key, charge: id }),
          });
          return fail({ reason: "declined" }, 402);
        },
      }),
    }),
    requests: [
      { operation: "book", scope: "a", key: "cheap", input: { fare: 10, tax: 1 } },
      { operation: "book", scope: "b", key: "dear", input: { fare: 10, tax: 2_000 } },
    ],
    invariant: ({ provider, operations }) => {
      const booked = operations.filter(({ state }) => state === "succeeded").length;
      assert.equal(provider.standing.length, booked * 2);
    },
  });
  assert.ok(report.passed, report.text);
  assert.ok(report.operations.failed > 0 && report.operations.succeeded > 0);
  assert.ok(Object.keys(report.faults["provider.refund"] ?? {}).length > 0);
  assert.ok(Object.keys(report.faults["provider.find"] ?? {}).length > 0);
});

test("an effect of the user's own may take real time, and its answers get lost", async () => {
  const report = await simulate({
    histories: 25,
    outside: () => ({ mails: new Map<string, string>() }),
    build: ({ once, effect, outside }) => {
      const mail = effect("mail", async (id: string, to: string) => {
        await sleep(0);
        outside.mails.set(id, to);
        return { sent: true };
      });
      const welcome = once.operation("welcome", {
        input: z.object({ to: z.string() }),
        handler: async (op, { to }) => {
          await op.external("mail", { input: { to }, send: ({ key }) => mail(key, to) });
          return ok({ welcomed: to });
        },
      });
      return { welcome };
    },
    requests: [{ operation: "welcome", scope: "a", key: "w-1", input: { to: "ann" } }],
    invariant: ({ outside }) => outside.mails.size === 1,
  });
  assert.ok(report.passed, report.text);
  assert.ok(Object.keys(report.faults["effect.mail"] ?? {}).includes("lost-answer"), report.text);
});

test("staged messages are relayed, also by a process that comes after the one that died", async () => {
  const report = await simulate({
    histories: 60,
    outside: () => ({ received: new Set<string>() }),
    build: ({ once, effect, outside }) => {
      const post = effect("post", (id: string) => void outside.received.add(id));
      once.relay("receipt", ({ id }) => post(id), { dedupeMs: 86_400_000 });
      const order = once.atomic("order", {
        input: Order,
        handler: (op, { amount }) => {
          op.tx.table("orders").insert(op.key, { amount });
          op.stage("receipt", { amount });
          return ok({ amount }, 201);
        },
      });
      return { order };
    },
    requests: [{ operation: "order", scope: "a", key: "o-1", input: { amount: 5 } }],
    invariant: ({ outside, messages, table }) => {
      assert.equal(table("orders").values().length, 1);
      assert.deepEqual(
        messages.map(({ state }) => state),
        ["sent"],
      );
      assert.equal(outside.received.size, 1);
    },
  });
  assert.ok(report.passed, report.text);
  assert.ok(Object.keys(report.faults["effect.post"] ?? {}).length > 0);
});

test("a plan is carried out once for each key, by the tables that the user gives it", async () => {
  for (const write of [true, false]) {
    const report = await simulate({
      seed: 5,
      histories: 150,
      ...(write && { write: (tx, { values: [id, to] }) => tx.table("mails").insert(`${id}`, to) }),
      build: ({ once }) => ({
        welcome: once.atomic("welcome", {
          input: z.object({ to: z.string() }),
          plan: (op, { to }) => {
            op.write("INSERT INTO mail VALUES ($1, $2)", [op.key, to]);
            return ok({ to }, 201);
          },
        }),
      }),
      requests: ["ann", "bob"].map((to) => ({
        ...({ operation: "welcome", scope: "acct_1", key: to } as const),
        input: { to },
      })),
      invariant({ table, operations }) {
        const done = operations.filter(({ state }) => state === "succeeded");
        assert.equal(table(write ? "mails" : "statements").values().length, done.length);
      },
    });
    assert.ok(report.passed, report.text);
    assert.ok(Object.keys(report.faults["store.carryOut"] ?? {}).includes("lost-answer"));
  }
});

test("a handler that waits for a real timer is refused, with its line and the way out", async () => {
  const waiting = simulate({
    histories: 1,
    build: ({ once }) => ({
      slow: once.operation("slow", { input: Order, handler: () => sleep(1) }),
    }),
    requests: [{ operation: "slow", scope: "a", key: "s-1", input: { amount: 1 } }],
  });
  await assert.rejects(waiting, (error: Error) => {
    assert.match(error.message, /handler of slow a\/s-1 awaits a timer/);
    assert.match(error.message, /simulate\.test\.ts:\d+/);
    assert.match(error.message, /effect\(name, fn\).*clock\.sleep/);
    return true;
  });
});

test("a handler that waits for the network is refused", async () => {
  const waiting = simulate({
    histories: 1,
    build: ({ once }) => ({
      ask: once.operation("ask", {
        input: Order,
        handler: async () => (await fetch("http://127.0.0.1:65431/")).status,
      }),
    }),
    requests: [{ operation: "ask", scope: "a", key: "s-1", input: { amount: 1 } }],
  });
  await assert.rejects(waiting, /awaits .* that the simulation cannot see/);
});

test("a relay that waits for a real timer is refused", async () => {
  const waiting = simulate({
    histories: 1,
    build({ once }) {
      once.relay("receipt", () => sleep(1));
      const order = once.atomic("order", {
        input: Order,
        handler: (op, { amount }) => {
          op.stage("receipt", { amount });
          return ok({ amount }, 201);
        },
      });
      return { order };
    },
    requests: [{ operation: "order", scope: "a", key: "o-1", input: { amount: 5 } }],
  });
  await assert.rejects(waiting, /handler of the message receipt .* awaits a timer/);
});

test("what breaks without any fault is told once, before any history is played", async () => {
  const broken = await simulate({
    build: (shop) => ({ checkout: declareCheckout(shop) }),
    requests: REQUESTS,
    invariant: () => "never",
  });
  assert.equal(broken.histories, 0);
  assert.deepEqual(
    broken.violations.map(({ promise, detail, faults }) => [promise, detail, faults]),
    [["the invariant", "never", 0]],
  );
  const throwing = await simulate({
    build: (shop) => ({ checkout: declareCheckout(shop) }),
    requests: [{ operation: "checkout", scope: "a", key: "k-1", input: { amount: -1 } }],
  });
  assert.match(throwing.text, /does not throw at its caller/);
});

test("what does not repeat is told so", async () => {
  let calls = 0;
  const report = await simulate({
    histories: 8,
    build: (shop) => ({ checkout: declareCheckout(shop) }),
    requests: REQUESTS,
    invariant() {
      calls += 1;
      return calls !== 5;
    },
  });
  const [violation] = report.violations;
  assert.equal(violation?.times, 1);
  assert.match(violation?.again ?? "", /seed: 4, histories: 1.* kept from one history to the next/);
});

test("an operation that always throws is told", async () => {
  const report = await simulate({
    build: ({ once }) => ({
      broken: once.operation("broken", {
        input: Order,
        handler: () => {
          throw new TypeError("undefined is not a function");
        },
      }),
    }),
    requests: [{ operation: "broken", scope: "a", key: "b-1", input: { amount: 1 } }],
  });
  assert.match(report.text, /attempts-exhausted.*undefined is not a function/);
});

test("options that cannot be meant are refused", async () => {
  const build = (shop: Parameters<typeof declareCheckout>[0]) => ({
    checkout: declareCheckout(shop),
  });
  const invalid = { code: "option-invalid" };
  await assert.rejects(simulate({ build, requests: [] }), invalid);
  await assert.rejects(simulate({ build, requests: REQUESTS, histories: 0 }), invalid);
  await assert.rejects(simulate({ build, requests: REQUESTS, seed: 0.5 }), invalid);
});

test("two simulations at once do not disturb each other", async () => {
  const run = (): Promise<SimulationReport> => simulateShop({}, 15);
  const alone = await run();
  const [first, second] = await Promise.all([run(), run()]);
  assert.deepEqual([first, second], [alone, alone]);
});
