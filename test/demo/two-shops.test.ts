import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import pg from "pg";
import { buy, PURCHASE, post, rows, startDemo } from "./shop.ts";

const DUPLICATES = 500;

/** Two shops on one database and one provider, and 500 requests of one key at once. */
async function storm(t: TestContext, db: string, directory: string): Promise<void> {
  const first = await startDemo(join(directory, "one"), ["--db", db]);
  const second = await startDemo(join(directory, "two"), [
    "--db",
    db,
    "--sandbox",
    first.sandboxUrl,
  ]);
  try {
    const shops = [first.url, second.url];
    const answers = await Promise.all(
      Array.from({ length: DUPLICATES }, (_, index) => buy(shops[index % 2] ?? first.url, "storm")),
    );
    const charges = await rows(`${first.url}/sandbox/charges`);
    const orders = await rows(`${second.url}/orders`);
    const bodies = new Set(answers.map(({ text }) => text));
    t.diagnostic(
      `${DUPLICATES} duplicates over two processes: ${charges.length} charge, ${orders.length} order, ${bodies.size} distinct body`,
    );
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.equal(charges.length, 1);
    assert.equal(orders.length, 1);
    assert.equal(bodies.size, 1);
  } finally {
    await second.stop();
    await first.stop();
  }
  const again = await startDemo(join(directory, "one"), ["--db", db]);
  try {
    const replay = await buy(again.url, "storm");
    assert.equal(replay.replayed, true);
    assert.equal((await rows(`${again.url}/orders`)).length, 1);
    assert.equal((await rows(`${again.url}/sandbox/charges`)).length, 1);
    const other = { ...PURCHASE, amount: 1 };
    const reused = await post(`${again.url}/checkout`, other, { "idempotency-key": "storm" });
    assert.equal(reused.status, 422);
  } finally {
    await again.stop();
  }
}

test("SQLite: 500 duplicates over two shops are one charge, and all is there after a restart", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-two-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await storm(t, join(directory, "shop.db"), directory);
});

test("Postgres: 500 duplicates over two shops are one charge, and all is there after a restart", async (t) => {
  const { NEVERTWICE_TEST_POSTGRES_URL: server, CI } = process.env;
  if (server === undefined && CI !== "true") return t.skip("no Postgres server");
  assert.ok(server, "CI needs a Postgres server");
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-two-"));
  const name = `shop_${process.pid}_${Date.now()}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`create database ${name}`);
  t.after(async () => {
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
    await rm(directory, { recursive: true, force: true });
  });
  const url = new URL(server);
  url.pathname = `/${name}`;
  await storm(t, url.href, directory);
});
