import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { readDemoOptions } from "../../src/cli/demo/options.ts";

const directory = await mkdtemp(join(tmpdir(), "nevertwice-demo-"));
after(() => rm(directory, { recursive: true, force: true }));
const FIXTURE = new URL("./fixtures/supervise.ts", import.meta.url).pathname;

interface Demo {
  readonly process: ChildProcess;
  /** Everything printed so far. */
  readonly printed: () => string;
  /** Resolves once the text was printed so many times. */
  readonly says: (text: string, times?: number) => Promise<void>;
  readonly exit: Promise<unknown[]>;
}

function supervise(...parameters: string[]): Demo {
  const child = spawn(process.execPath, ["--conditions=source", FIXTURE, directory, ...parameters]);
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += String(chunk);
  });
  const exit = once(child, "exit");
  return {
    process: child,
    exit,
    printed: () => printed,
    says: async (text, times = 1) => {
      while (printed.split(text).length <= times) {
        if (child.exitCode !== null) assert.fail(`It ended without "${text}":\n${printed}`);
        await once(child.stdout, "data");
      }
    },
  };
}

function urlOf(demo: Demo, name: string): string {
  const url = new RegExp(`${name}\\s+(http://\\S+)`).exec(demo.printed())?.[1];
  assert.ok(url, demo.printed());
  return url;
}

interface Shop {
  readonly pid: number;
  readonly sandboxUrl: string;
}

async function ask<T>(url: string): Promise<T> {
  return (await (await fetch(url, { headers: { connection: "close" } })).json()) as T;
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  for (const end = performance.now() + 8_000; lives(pid); await pause(20))
    assert.ok(performance.now() < end, `process ${pid} still lives`);
}

test("a killed shop is back at its address, and SIGTERM ends every process", async () => {
  const demo = supervise();
  await demo.says("Ctrl+C");
  const shopUrl = urlOf(demo, "Shop");
  const first = await ask<Shop>(shopUrl);
  const provider = await ask<{ pid: number }>(`${first.sandboxUrl}/healthz`);
  assert.equal(first.sandboxUrl, urlOf(demo, "Provider"));

  process.kill(first.pid, "SIGKILL");
  await demo.says("The shop is back");
  const second = await ask<Shop>(shopUrl);
  assert.notEqual(second.pid, first.pid);
  assert.equal(second.sandboxUrl, first.sandboxUrl);
  assert.equal((await ask<{ pid: number }>(`${first.sandboxUrl}/healthz`)).pid, provider.pid);

  demo.process.kill("SIGTERM");
  assert.deepEqual(await demo.exit, [0, null]);
  assert.deepEqual([lives(second.pid), lives(provider.pid)], [false, false]);
});

test("a killed provider is back at its address with its ledger", async () => {
  const demo = supervise();
  await demo.says("Ctrl+C");
  const url = urlOf(demo, "Provider");
  const { pid } = await ask<{ pid: number }>(`${url}/healthz`);
  const body = JSON.stringify({ amount: 700, currency: "eur" });
  await fetch(`${url}/v1/charges`, { method: "POST", body, headers: { connection: "close" } });
  const before = await ask<{ data: unknown[] }>(`${url}/v1/charges`);
  assert.equal(before.data.length, 1);

  process.kill(pid, "SIGKILL");
  await demo.says("The provider is back");
  assert.deepEqual(await ask(`${url}/v1/charges`), before);
  demo.process.kill("SIGTERM");
  assert.deepEqual(await demo.exit, [0, null]);
});

test("children end when their supervisor is killed", async () => {
  const demo = supervise();
  await demo.says("Ctrl+C");
  const shop = await ask<Shop>(urlOf(demo, "Shop"));
  const provider = await ask<{ pid: number }>(`${shop.sandboxUrl}/healthz`);
  demo.process.kill("SIGKILL");
  await demo.exit;
  await Promise.all([gone(shop.pid), gone(provider.pid)]);
});

test("a port that is taken ends the demo with exit code 1 and a way out", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const demo = supervise(String(port));
  assert.deepEqual(await demo.exit, [1, null]);
  assert.match(demo.printed(), new RegExp(`Port ${port} is taken.*PORT=${port + 1} npm start`));
  other.close();
});

test("options come from flags, then the environment, then defaults", () => {
  const shop = { port: 4242, db: join(".nevertwice", "shop.db"), directory: ".nevertwice" };
  assert.deepEqual(readDemoOptions({}, {}), shop);
  assert.deepEqual(
    readDemoOptions({ db: "postgres://h/d" }, { PORT: "0", NEVERTWICE_DEMO_DIR: "/data" }),
    { port: 0, db: "postgres://h/d", directory: "/data" },
  );
  const sandbox = "http://127.0.0.1:1";
  assert.deepEqual(readDemoOptions({ port: "1", sandbox }, { PORT: "2" }), {
    ...shop,
    port: 1,
    sandboxUrl: sandbox,
  });
  for (const flags of [{ port: "70000" }, { port: "x" }, { sandbox: "4243" }])
    assert.ok("refused" in readDemoOptions(flags, {}), JSON.stringify(flags));
});
