import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/model/clock.ts";
import { within } from "../../src/verify/cases/sample.ts";
import { openCluster } from "../stores/postgres-cluster.ts";
import { closing } from "./closing.ts";
import { compileFailingFsync, failingBy, skipAloud } from "./preload.ts";
import { booksOf, createTables, insistOn, memoryProvider, openShop, type Told } from "./shop.ts";

/**
 * What a Postgres whose fsync fails does to a shop, as it was predicted before the first run:
 *
 * | when | predicted |
 * |---|---|
 * | an fsync of the log fails | the server panics, its sessions end, it starts anew from its log |
 * | fsync fails in that, too | learned: the server ends, and somebody has to start it |
 * | calls under way | store-unavailable or in doubt within seconds, never an invented answer |
 * | what was acknowledged before | is there, with its order |
 * | what was not | is there whole or not at all, and its key comes to one order and charge |
 * | the disk is well again | the same server goes on, without a restart of the shop |
 */
const CLIENTS = 8;
/** A customer who was refused asks again a little later. */
const PAUSE_MS = 200;
const ACKNOWLEDGED_MIN = 40;
const NO_COMPILER = "no C compiler for the library that lets fsync fail";
const KINDS = ["succeeded", "store-unavailable", "in-doubt", "in-progress", "retry-scheduled"];

test("a Postgres that cannot write its log loses nothing that was acknowledged", async (t) => {
  const later = closing(t);
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-fsync-"));
  await chmod(directory, 0o755);
  later(() => rm(directory, { recursive: true, force: true }));
  const library = await compileFailingFsync(directory);
  if (library === undefined) return skipAloud(t, NO_COMPILER);
  const trigger = join(directory, "broken");
  const cluster = await openCluster({ fsync: "on", env: failingBy(library, trigger) });
  if ("skip" in cluster) return skipAloud(t, cluster.skip);
  later(() => cluster.close());
  const { primary } = cluster;
  const options = { url: primary.url, name: "shop", leaseMs: 1_000, waitMs: 0 };
  const shop = openShop({ ...options, provider: memoryProvider() });
  later(() => shop.close());
  await createTables(shop);
  const told = new Map<string, Told>();
  let over = false;
  const client = async (name: number): Promise<void> => {
    for (let count = 0; !over; ) {
      const key = `key-${name}-${count}`;
      const answer = await within(20_000, shop.buy({ key }));
      // What a customer was told first is what is judged.
      if (!told.has(key)) told.set(key, answer);
      if (answer.kind === "succeeded") count += 1;
      else await systemClock.sleep(PAUSE_MS);
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(name)));
  const kindsOf = () => [...told.values()].map(({ kind }) => kind);
  const succeeded = () => kindsOf().filter((kind) => kind === "succeeded").length;
  while (succeeded() < ACKNOWLEDGED_MIN) await systemClock.sleep(10);
  await writeFile(trigger, "");
  // Something that was told to be unavailable shows that the server has met it.
  while (kindsOf().every((kind) => kind === "succeeded")) await systemClock.sleep(10);
  const before = succeeded();
  await rm(trigger);
  const recovered = await primary.recover();
  const healthy = succeeded();
  while (succeeded() < healthy + CLIENTS) await systemClock.sleep(10);
  over = true;
  await within(30_000, clients);

  const counts = new Map<string, number>();
  for (const [key, first] of told) {
    counts.set(first.kind, (counts.get(first.kind) ?? 0) + 1);
    assert.ok(KINDS.includes(first.kind), first.kind);
    const { orders, paid, charges } = await booksOf(shop, key);
    assert.ok(orders <= 1 && charges <= 1 && paid <= orders, `${key} is whole or not there`);
    if (first.kind === "succeeded") assert.deepEqual([orders, paid, charges], [1, 1, 1]);
    const last = await insistOn(shop, { key });
    assert.equal(last.kind, "succeeded", key);
    if (first.kind === "succeeded") assert.equal(last.body, first.body);
    const { senders, ...books } = await booksOf(shop, key);
    assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 }, key);
  }
  assert.ok(counts.size > 1, "the server was met while it was down");
  const lines = [...counts].map(([kind, count]) => `${count} ${kind}`);
  const first = `${before} acknowledged before the first failure`;
  t.diagnostic(`${first}; told ${lines.join(", ")}; up again ${recovered}`);
});
