import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { ROOT } from "../../scripts/command.ts";
import { blocksOf, readPage } from "./pages.ts";

const PROGRAM = join(ROOT, "examples", "quickstart.ts");

let folder: string;
let port: number;
const running = new Set<ChildProcess>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nevertwice-quickstart-"));
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  port = (probe.address() as { port: number }).port;
  probe.close();
});

after(async () => {
  for (const shop of running) shop.kill();
  await rm(folder, { recursive: true, force: true });
});

test("the tutorial's program is the example, word for word", async () => {
  const programs = blocksOf(readPage("docs/start.md")).map(({ code }) => code);
  assert.deepEqual(programs, [await readFile(PROGRAM, "utf8")]);
});

test("the tutorial charges once over a crash, replays, refuses and declines", async () => {
  const doomed = await openShop({ CRASH: "after-charge" });
  const [{ code }] = await Promise.all([ended(doomed), buy("second-purchase", "c2", 2_999)]);
  assert.equal(code, 1);
  const shop = await openShop({});
  const retry = await buy("second-purchase", "c2", 2_999);
  const replay = await buy("second-purchase", "c2", 2_999);
  assert.deepEqual([retry?.status, replay?.status], [201, 201]);
  assert.equal(replay?.headers.get("idempotent-replayed"), "true");
  assert.equal(await replay?.text(), await retry?.text());
  assert.equal((await buy("second-purchase", "c2", 1))?.status, 422);
  assert.equal((await buy("third-purchase", "c3", 2_000_000))?.status, 402);
  shop.kill();
  await ended(shop);
  assert.equal(count("provider.db", "charge"), 1);
  assert.equal(count("shop.db", "orders"), 1);
});

async function openShop(env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const shop = spawn(process.execPath, ["--conditions=source", PROGRAM], {
    cwd: folder,
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(shop);
  const [said] = (await once(shop.stdout, "data")) as [Buffer];
  assert.match(said.toString(), /open/);
  return shop;
}

async function ended(shop: ChildProcess): Promise<{ readonly code: number | null }> {
  if (shop.exitCode === null && shop.signalCode === null) await once(shop, "exit");
  running.delete(shop);
  return { code: shop.exitCode };
}

/** The answer, or nothing if the shop died under the request. */
function buy(key: string, cartId: string, amount: number): Promise<Response | undefined> {
  const headers = { "content-type": "application/json", "idempotency-key": key };
  return fetch(`http://127.0.0.1:${port}/checkout`, {
    method: "POST",
    headers: { ...headers, prefer: "wait=10" },
    body: JSON.stringify({ cartId, amount }),
  }).catch(() => undefined);
}

function count(file: string, table: string): number {
  const db = new DatabaseSync(join(folder, file));
  const row = db.prepare(`SELECT count(*) AS count FROM ${table}`).get();
  db.close();
  return Number(row?.["count"]);
}
