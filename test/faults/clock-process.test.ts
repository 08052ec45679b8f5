import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/model/clock.ts";
import { within } from "../../src/verify/cases/sample.ts";
import { createDatabase, openServer, stopServer } from "../stores/postgres-bench.ts";
import { DAY_MS, type FakedClock, HOUR_MS, openFakedClock } from "./faked-clock.ts";
import { skipAloud } from "./preload.ts";
import { booksOf, createTables, insistOn, openShop, type Shop } from "./shop.ts";
import { type ShopProcess, startShop } from "./shop-process.ts";

/**
 * What wrong clocks of processes do over a database whose clock is right, as it was predicted
 * before the first run:
 *
 * | the process's clock is | it does | predicted |
 * |---|---|---|
 * | days ahead, right, or days behind | buys, others the same keys | one order, charge, answer |
 * | the same | prunes | the wrong ones prune nothing |
 * | an hour and more ahead | finds a lost answer | it does not send again, one that is right does |
 * | days behind | finds a lost answer | it sends again, while the provider remembers |
 * | leaping again and again | buys | a send that was under way is dropped, and made once later |
 */
const PROCESSES = { "days ahead": 3 * DAY_MS, right: 0, "days behind": -3 * DAY_MS } as const;
const NO_FAKETIME = "no libfaketime: install the package faketime";
const NEAR_MS = 60_000;

test.after(stopServer);

interface Scene {
  readonly shop: Shop;
  start(
    name: string,
    aheadMs: number,
    waitMs?: number,
  ): Promise<ShopProcess & { readonly clock: FakedClock }>;
}

function over(name: string, run: (scene: Scene, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    const server = await openServer();
    if ("skip" in server) return t.skip(server.skip);
    const tried = await openFakedClock();
    if (tried === undefined) return skipAloud(t, NO_FAKETIME);
    await tried.close();
    const database = await createDatabase();
    const shop = openShop({ url: database.url, name: "books" });
    await createTables(shop);
    const open: { close(): Promise<void> }[] = [];
    const start: Scene["start"] = async (name, aheadMs, waitMs = 1_000) => {
      const clock = await openFakedClock();
      if (clock === undefined) throw new Error(NO_FAKETIME);
      open.unshift(clock);
      await clock.set(aheadMs);
      const started = await startShop({ url: database.url, name, waitMs }, clock.env);
      open.unshift(started);
      const off = Math.abs(started.aheadMs() - aheadMs);
      assert.ok(off < NEAR_MS, `its clock is ${started.aheadMs()} ms ahead`);
      return { ...started, clock };
    };
    try {
      await run({ shop, start }, t);
    } finally {
      for (const one of open) await one.close();
      await shop.close();
      await database.drop();
    }
  });
}

over("processes whose clocks are days apart have one effect a key", async ({ shop, start }) => {
  const processes = await Promise.all(
    Object.entries(PROCESSES).map(([name, aheadMs]) => start(name, aheadMs)),
  );
  for (let count = 0; count < 6; count += 1) {
    const key = `shared-${count}`;
    const all = [...processes, ...processes];
    const told = await Promise.all(all.map((each) => within(20_000, each.buy({ key }))));
    const [first] = told;
    assert.ok(first);
    for (const { kind, body } of told) assert.deepEqual([kind, body], ["succeeded", first.body]);
    const { senders, ...books } = await booksOf(shop, key);
    assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 });
    assert.equal(senders.length, 1);
  }
  const pruned = await Promise.all(processes.map((each) => each.prune()));
  const kinds = pruned.map(({ kind }) => kind);
  assert.deepEqual(kinds, ["clocks-disagree", "pruned", "clocks-disagree"]);
});

over("whichever clock is further ahead keeps a send from being repeated", async (scene) => {
  const { shop, start } = scene;
  const [ahead, behind, right] = await Promise.all([
    start("ahead", HOUR_MS, 0),
    start("behind", -3 * DAY_MS, 0),
    start("right", 0, 0),
  ]);
  for (const [key, second] of [["behind", behind] as const, ["right", right] as const]) {
    const wish = { key, lost: true };
    assert.equal((await right.buy(wish)).kind, "in-doubt");
    // Longer than its backoff.
    await systemClock.sleep(10);
    assert.equal((await ahead.buy(wish)).kind, "in-doubt");
    assert.deepEqual((await booksOf(shop, key)).senders, ["right"], "the one ahead sends nothing");
    const told = await insistOn(second, wish);
    assert.equal(told.kind, "succeeded", key);
    const { senders, ...books } = await booksOf(shop, key);
    assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 });
    assert.deepEqual(senders, ["right", key]);
  }
});

over("a process whose clock leaps sends once", async ({ shop, start }, t) => {
  const leaping = await start("leaping", 0);
  const leaps = [HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS, 0];
  let over = false;
  const wishes: string[] = [];
  const kinds = new Set<string>();
  const client = async (name: string): Promise<void> => {
    for (let count = 0; !over; count += 1) {
      const key = `${name}-${count}`;
      wishes.push(key);
      kinds.add((await within(20_000, leaping.buy({ key }))).kind);
    }
  };
  const clients = Promise.all(["a", "b", "c", "d"].map(client));
  for (let round = 0; round < 10; round += 1) {
    await leaping.clock.set(leaps[round % leaps.length] ?? 0);
    await systemClock.sleep(100);
  }
  over = true;
  await clients;
  await leaping.clock.set(0);
  for (const key of wishes) {
    assert.equal((await insistOn(leaping, { key })).kind, "succeeded", key);
    const { senders, ...books } = await booksOf(shop, key);
    assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 }, key);
    assert.equal(senders.length, 1, "what was dropped had not been sent");
  }
  for (const kind of kinds) assert.ok(["succeeded", "retry-scheduled"].includes(kind), kind);
  t.diagnostic(`${wishes.length} keys, told ${[...kinds].join(" and ")}`);
});
