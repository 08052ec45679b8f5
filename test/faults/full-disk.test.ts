import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/model/clock.ts";
import { within } from "../../src/verify/cases/sample.ts";
import { type Member, openCluster } from "../stores/postgres-cluster.ts";
import { closing } from "./closing.ts";
import { skipAloud } from "./preload.ts";
import { booksOf, createTables, insistOn, memoryProvider, openShop, type Told } from "./shop.ts";

const run = promisify(execFile);

/**
 * What a Postgres whose disk is full does to a shop, as it was predicted before the first run:
 *
 * | when | predicted |
 * |---|---|
 * | a table cannot grow (53100) | unavailable or in doubt; learned: also retry-scheduled |
 * | the log cannot grow | the server panics and stays down: store-unavailable |
 * | what was acknowledged before | is there, with its order |
 * | there is room again | the same key comes to one order, one charge and one answer |
 */
const SIZE_MB = 100;
const CLIENTS = 4;
const PAUSE_MS = 50;
/** Of 16 MB each: more than the small disk holds. */
const SEGMENTS_MAX = 10;
const REFUSED_MIN = 20;
const KINDS = ["succeeded", "store-unavailable", "in-doubt", "in-progress", "retry-scheduled"];
const SETTINGS = [
  ...["max_wal_size=32MB", "min_wal_size=32MB", "shared_buffers=1MB", "restart_after_crash=on"],
];

/** Every order fills as much of the disk. */
const NOTE = "x".repeat(20_000);

/** A small disk of its own, or undefined where only root can mount one. */
async function smallDisk(later: ReturnType<typeof closing>): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), "nevertwice-full-"));
  later(() => rm(path, { recursive: true, force: true }));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE_MB}m`, "tmpfs", path]);
  } catch {
    return undefined;
  }
  later(() => run("umount", [path]));
  await chmod(path, 0o755);
  return path;
}

/** Takes all but so many bytes of a disk's room. */
async function fill(disk: string, left: number): Promise<string> {
  const path = join(disk, "ballast");
  const file = await open(path, "w");
  try {
    for (let room = await roomOf(disk); room > left; room = await roomOf(disk))
      await file.write(Buffer.alloc(Math.min(room - left, 1_000_000)));
  } catch (error) {
    // Somebody else took the last of it.
    if ((error as { code?: unknown }).code !== "ENOSPC") throw error;
  } finally {
    await file.close();
  }
  return path;
}

async function roomOf(disk: string): Promise<number> {
  const { bavail, bsize } = await statfs(disk);
  return bavail * bsize;
}

/** Uses up the segments of the log that are there, until there is no room for the next. */
async function fillLog(member: Member): Promise<void> {
  const sql = "SELECT pg_logical_emit_message(false, '', 'x'), pg_switch_wal()";
  for (let segment = 0; segment < SEGMENTS_MAX; segment += 1)
    if (await member.ask(sql).then(isNo, isYes)) return;
  throw new Error("The log is not full.");
}

const isNo = (): boolean => false;
const isYes = (): boolean => true;

for (const [what, left, log] of [
  ["as its tables grow", 600_000, false],
  ["at once, and its log with it,", 0, true],
] as const)
  test(`a Postgres whose disk gets full ${what} says nothing wrong, and goes on`, async (t) => {
    const later = closing(t);
    const disk = await smallDisk(later);
    if (disk === undefined) return skipAloud(t, "only root can mount a small disk");
    const cluster = await openCluster({ fsync: "off", under: disk, settings: SETTINGS });
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
      for (let count = 0; !over; count += 1) {
        const key = `key-${name}-${count}`;
        const answer = await within(20_000, shop.buy({ key, note: NOTE }));
        told.set(key, answer);
        if (answer.kind !== "succeeded") await systemClock.sleep(PAUSE_MS);
      }
    };
    const count = (kind: string): number =>
      [...told.values()].filter((answer) => answer.kind === kind).length;
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(name)));
    while (count("succeeded") < CLIENTS) await systemClock.sleep(10);
    const ballast = await fill(disk, left);
    if (log) await fillLog(primary);
    while (told.size - count("succeeded") < REFUSED_MIN) await systemClock.sleep(10);
    await rm(ballast);
    const refused = count("succeeded");
    const back = performance.now();
    const recovered = await primary.recover();
    while (count("succeeded") < refused + CLIENTS) await systemClock.sleep(10);
    const ms = Math.round(performance.now() - back);
    over = true;
    await within(30_000, clients);

    for (const [key, first] of told) {
      assert.ok(KINDS.includes(first.kind), first.kind);
      const { orders, paid, charges } = await booksOf(shop, key);
      assert.ok(orders <= 1 && charges <= 1 && paid <= orders, `${key} is whole or not there`);
      if (first.kind === "succeeded") assert.deepEqual([orders, paid, charges], [1, 1, 1]);
      const last = await insistOn(shop, { key, note: NOTE });
      assert.equal(last.kind, "succeeded", key);
      if (first.kind === "succeeded") assert.equal(last.body, first.body);
      const { senders, ...books } = await booksOf(shop, key);
      assert.deepEqual(books, { orders: 1, paid: 1, charges: 1 }, key);
    }
    const kinds = [...new Set([...told.values()].map(({ kind }) => kind))];
    const lines = kinds.map((kind) => `${count(kind)} ${kind}`);
    t.diagnostic(`told ${lines.join(", ")}; up ${recovered}, back in ${ms} ms`);
  });
