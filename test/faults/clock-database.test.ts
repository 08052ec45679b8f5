import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { systemClock } from "../../src/model/clock.ts";
import { recordId } from "../../src/model/key.ts";
import { answered, recordOf, within } from "../../src/verify/cases/sample.ts";
import { type Cluster, openCluster } from "../stores/postgres-cluster.ts";
import { DAY_MS, type FakedClock, HOUR_MS, leapText, openFakedClock } from "./faked-clock.ts";
import { skipAloud } from "./preload.ts";
import {
  booksOf,
  createTables,
  insistOn,
  openShop,
  type Shop,
  type ShopOptions,
  type Told,
  type Wish,
} from "./shop.ts";

/**
 * What a leap of the database's clock does, as it was predicted before the first run:
 *
 * | the clock leaps | while | predicted |
 * |---|---|---|
 * | ahead | a handler runs | its lease has lapsed: another takes over, the old one is stale |
 * | back | a handler runs | nobody takes over, the handler ends as if nothing had happened |
 * | back | its process hangs | its lease lasts longer by the leap; set right, it is taken over |
 * | any | eight clients buy | one order, charge, answer a key; learned: a cut one is in doubt |
 * | any, beyond five minutes | pruning | nothing goes, because the clocks disagree |
 * | both clocks, to the retention's end and no further | pruning | nothing goes |
 * | past the provider's memory | an answer was lost | it is not sent again: it stays in doubt |
 */
const LEAPS = [HOUR_MS, DAY_MS, -HOUR_MS, -DAY_MS];
const AHEAD = LEAPS.filter((ms) => ms > 0);
const BACK = LEAPS.filter((ms) => ms < 0);
const NO_FAKETIME = "no libfaketime: install the package faketime";
const CLIENTS = 8;
const WEEK_MS = 7 * DAY_MS;

let clock: FakedClock | undefined;
let cluster: Cluster | undefined;
let skip = NO_FAKETIME;

before(async () => {
  clock = await openFakedClock();
  if (clock === undefined) return;
  const opened = await openCluster({ env: clock.env });
  if ("skip" in opened) {
    skip = opened.skip;
    return;
  }
  cluster = opened;
  const shop = openShop({ url: cluster.primary.url, name: "first" });
  await createTables(shop);
  await shop.close();
});

after(async () => {
  await cluster?.close();
  await clock?.close();
});

interface Scene {
  readonly clock: FakedClock;
  open(name: string, options?: Partial<ShopOptions>): Shop;
}

/** A test over the server whose clock is right at its start. */
function over(name: string, run: (scene: Scene, t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    if (clock === undefined || cluster === undefined) return skipAloud(t, skip);
    const { url } = cluster.primary;
    await clock.set(0);
    const shops: Shop[] = [];
    const open = (name: string, options: Partial<ShopOptions> = {}): Shop => {
      const shop = openShop({ url, name, waitMs: 0, ...options });
      shops.push(shop);
      return shop;
    };
    try {
      await run({ clock, open }, t);
    } finally {
      for (const shop of shops) await shop.close();
    }
  });
}

/** A place in a handler where it stands until it may go on. */
function gate() {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const charged = (): Promise<void> => {
    reached.resolve();
    return opened.promise;
  };
  return { charged, reached: within(10_000, reached.promise), open: () => opened.resolve() };
}

for (const leap of AHEAD)
  over(`the database's clock leaps ${leapText(leap)} under a handler`, async ({ clock, open }) => {
    const wish = { key: `over-${leap}` };
    const stop = gate();
    const [old, young] = [open("old", { charged: stop.charged }), open("young")];
    const first = old.buy(wish);
    await stop.reached;
    assert.equal((await young.buy(wish)).kind, "in-progress", "before the leap it is held");
    await clock.set(leap);
    const told = await young.buy(wish);
    assert.equal(told.kind, "succeeded");
    assert.equal(told.replayed, false, "the lapsed claim was taken over");
    stop.open();
    assert.deepEqual(await first, { ...told, replayed: true }, "the old one answers what is there");
    assert.equal((await recordOf(young.store, recordId("own", "acct_1", wish.key))).fence, 2);
    const { senders, ...books } = await booksOf(young, wish.key);
    assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 });
    assert.deepEqual(senders, ["old"], "what was recorded is not sent again");
  });

for (const leap of BACK)
  over(`the database's clock leaps ${leapText(leap)} under a handler`, async ({ clock, open }) => {
    const wish = { key: `over-${leap}` };
    const stop = gate();
    const [old, young] = [open("old", { charged: stop.charged }), open("young")];
    const first = old.buy(wish);
    await stop.reached;
    await clock.set(leap);
    assert.equal((await young.buy(wish)).kind, "in-progress");
    assert.equal((await young.once.worker.runOnce()).recovery.settled, 0);
    stop.open();
    const told = await first;
    assert.deepEqual([told.kind, told.replayed], ["succeeded", false]);
    assert.deepEqual(await young.buy(wish), { ...told, replayed: true });
    const { senders, ...books } = await booksOf(young, wish.key);
    assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 });
  });

over(
  "a hung process's lease lasts longer by a leap back, and no longer",
  async ({ clock, open }) => {
    const wish = { key: "hung" };
    const stop = gate();
    // Its handler never goes on, and it dies too quietly for the server to notice.
    const [hung, young] = [open("hung", { charged: stop.charged, leaseMs: 60_000 }), open("young")];
    const first = hung.buy(wish);
    await stop.reached;
    await clock.set(-DAY_MS);
    assert.equal((await young.buy(wish)).kind, "in-progress");
    await clock.set(61_000);
    const told = await young.buy(wish);
    assert.deepEqual([told.kind, told.replayed], ["succeeded", false]);
    stop.open();
    assert.deepEqual(await first, { ...told, replayed: true });
  },
);

over("clients buy while the database's clock leaps", async ({ clock, open }, t) => {
  const shops = [open("a", { leaseMs: 1_000 }), open("b", { leaseMs: 1_000 })];
  const wishes = new Map<string, Wish>();
  let [over, calls, slowest] = [false, 0, 0];
  const client = async (index: number): Promise<void> => {
    for (let count = 0; !over; count += 1) {
      // Two clients of two processes share each key.
      const key = `load-${index >> 1}-${count}`;
      const wish = { key, slowMs: count % 3 === 0 ? 100 : 0, lost: count % 5 === 0 };
      wishes.set(key, wish);
      calls += 1;
      const shop = shops[index % shops.length];
      // Who is told that it waits for a due time after a leap back comes again in the end.
      const start = performance.now();
      if (shop !== undefined) await within(20_000, shop.buy(wish));
      slowest = Math.max(slowest, performance.now() - start);
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index));
  for (const leap of [...LEAPS, 0]) {
    await clock.set(leap);
    await systemClock.sleep(200);
  }
  over = true;
  await Promise.all(clients);
  const [a, b] = shops;
  assert.ok(a && b);
  // Due times and leases of the days ahead are over then.
  await clock.set(DAY_MS + 2 * HOUR_MS);
  let [doubtful, cut] = [0, 0];
  for (const [key, wish] of wishes) {
    // After a day ahead the provider has forgotten a key whose answer was lost.
    const told: Told = await (wish.lost ? a.buy(wish) : insistOn(a, wish));
    const again: Told = await b.buy(wish);
    const paid = told.kind === "succeeded" ? 1 : 0;
    if (paid === 0) assert.equal(told.kind, "in-doubt", key);
    if (paid === 0) doubtful += 1;
    if (paid === 0 && !wish.lost) cut += 1;
    assert.deepEqual([again.kind, again.body], [told.kind, told.body]);
    const { senders, ...books } = await booksOf(a, key);
    assert.deepEqual(books, { orders: 1, paid, charges: 1 }, key);
  }
  // A claim that a leap of a day cut is taken over after the provider has forgotten its key.
  assert.ok(cut <= CLIENTS * AHEAD.length, `${cut} were cut by a leap`);
  const sizes = `${wishes.size} keys, ${calls} calls, the slowest ${Math.round(slowest)} ms`;
  t.diagnostic(`${sizes}, ${doubtful} in doubt`);
});

over("no leap of the database's clock prunes early", async ({ clock, open }) => {
  const ahead = { ms: 0 };
  const wall = { ...systemClock, wall: () => systemClock.wall() + ahead.ms };
  const shop = open("pruner", { clock: wall, retention: { responseMs: WEEK_MS } } as never);
  await shop.pool.query("DELETE FROM orders");
  const wish = { key: "kept" };
  const told = await shop.buy(wish);
  const prune = async (): Promise<{ readonly kind: string }> => shop.once.prune();
  for (const leap of [...LEAPS, 30 * DAY_MS, -30 * DAY_MS]) {
    await clock.set(leap);
    assert.equal((await prune()).kind, "clocks-disagree", leapText(leap));
    assert.deepEqual(await shop.buy(wish), { ...told, replayed: true });
  }
  // Within the margin the database's clock alone reckons the age.
  ahead.ms = WEEK_MS - 60_000;
  await clock.set(WEEK_MS - 120_000);
  assert.equal((await prune()).kind, "pruned");
  assert.deepEqual(await shop.buy(wish), { ...told, replayed: true });
  ahead.ms = WEEK_MS;
  await clock.set(WEEK_MS + 120_000);
  assert.equal((await prune()).kind, "pruned");
  assert.equal((await shop.buy(wish)).kind, "key-expired", "and once it is time, it goes");
});

over("what the provider has forgotten by the database's clock is not sent again", async (scene) => {
  const { clock, open } = scene;
  const shop = open("patient");
  const [early, late] = [
    { key: "early", lost: true },
    { key: "late", lost: true },
  ];
  for (const wish of [early, late]) assert.equal((await shop.buy(wish)).kind, "in-doubt");
  await clock.set(30 * 60_000);
  assert.equal((await insistOn(shop, early)).kind, "succeeded", "within the hour it is");
  assert.equal((await booksOf(shop, early.key)).senders.length, 2);
  await clock.set(HOUR_MS);
  assert.equal((await shop.buy(late)).kind, "in-doubt");
  assert.equal((await booksOf(shop, late.key)).senders.length, 1);
  // A leap back afterwards must not open what the process's own clock has closed.
  const told = answered(await shop.store.read(recordId("own", "acct_1", late.key)));
  assert.equal(told?.record.state, "in_doubt");
});
