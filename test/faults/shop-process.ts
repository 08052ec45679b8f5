import { fork } from "node:child_process";
import { once } from "node:events";
import type { ShopOptions, Told, Wish } from "./shop.ts";
import type { Order, Reply } from "./shop-worker.ts";

/** A shop in a process of its own, whose clock may be its own, too. */
export interface ShopProcess {
  buy(wish: Wish): Promise<Told>;
  /** One pass of pruning. */
  prune(): Promise<Told>;
  /** How far its clock is ahead of this process's, in milliseconds. */
  aheadMs(): number;
  close(): Promise<void>;
}

const ENTRY = new URL("./shop-worker.ts", import.meta.url);

export async function startShop(
  options: Pick<ShopOptions, "url" | "name" | "leaseMs" | "waitMs">,
  env: Readonly<Record<string, string>>,
): Promise<ShopProcess> {
  const child = fork(ENTRY, [JSON.stringify(options)], { env: { ...process.env, ...env } });
  const waiting = new Map<number, (told: Told) => void>();
  const ready = Promise.withResolvers<void>();
  let [asked, ahead] = [0, 0];
  child.on("message", ({ number, told, wall }: Reply) => {
    ahead = wall - Date.now();
    if (number === 0) ready.resolve();
    waiting.get(number)?.(told);
    waiting.delete(number);
  });
  child.once("exit", (code) => ready.reject(new Error(`The shop ended with ${code}.`)));
  await ready.promise;
  const order = (wish?: Wish): Promise<Told> =>
    new Promise((resolve) => {
      asked += 1;
      waiting.set(asked, resolve);
      child.send({ number: asked, ...(wish === undefined ? {} : { wish }) } satisfies Order);
    });
  return {
    buy: order,
    prune: () => order(),
    aheadMs: () => ahead,
    async close() {
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}
