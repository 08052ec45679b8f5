import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { ChildMessage, StartMessage } from "../../src/cli/demo/child-process.ts";
import type { ShopOptions } from "../../src/cli/demo/options.ts";
import { NODE_COMPILE_CACHE } from "./processes.ts";

/** The demo's shop in a process of its own. */
export interface Shop {
  readonly url: string;
  /** SIGKILL, wherever it is. */
  kill(): void;
  /** SIGTERM, and waits for its end. */
  close(): Promise<void>;
}

/** Shops that serve side by side on one database, and spares that were started ahead. */
export interface Shops {
  /** The addresses that clients may use now. */
  urls(): readonly string[];
  /** Kills the serving shop of that number and lets a spare serve in its place. */
  killOne(number: number): Promise<void>;
  close(): Promise<void>;
}

const ENTRY = new URL("../../src/cli/demo/shop-process.ts", import.meta.url);

async function startShop(options: ShopOptions): Promise<Shop> {
  const child: ChildProcess = fork(ENTRY, [], {
    env: { NODE_COMPILE_CACHE, ...process.env },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const start: StartMessage = { kind: "start", options };
  child.send(start);
  const [message] = (await once(child, "message")) as [ChildMessage];
  if (message.kind === "failed") throw new Error(`A shop cannot be started: ${message.reason}`);
  return {
    url: message.url,
    kill: () => void child.kill("SIGKILL"),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** @param counts how many serve, and how many are started ahead */
export async function openShops(
  options: ShopOptions,
  counts: { readonly serving: number; readonly ahead: number },
): Promise<Shops> {
  // One that ends in peace leaves its compiled code for all that come after it.
  await (await startShop(options)).close();
  const many = (count: number): Promise<Shop>[] =>
    Array.from({ length: count }, () => startShop(options));
  const serving = await Promise.all(many(counts.serving));
  const spares = many(counts.ahead);
  for (const spare of spares) spare.catch(() => undefined);
  return {
    urls: () => serving.map(({ url }) => url),
    async killOne(number) {
      const next = await (spares.shift() as Promise<Shop>);
      const spare = startShop(options);
      spare.catch(() => undefined);
      spares.push(spare);
      const killed = serving[number];
      serving[number] = next;
      killed?.kill();
    },
    async close() {
      const all = [...serving, ...(await Promise.all(spares))];
      await Promise.all(all.map((shop) => shop.close()));
    },
  };
}
