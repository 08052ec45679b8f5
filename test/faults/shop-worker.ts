import { openShop, type ShopOptions, type Told, type Wish } from "./shop.ts";

/** What a test asks of this process: to buy, or else one pass of pruning. */
export interface Order {
  readonly number: number;
  readonly wish?: Wish;
}

export interface Reply {
  readonly number: number;
  readonly told: Told;
  /** What this process takes for now, in milliseconds since the epoch. */
  readonly wall: number;
}

const shop = openShop(JSON.parse(process.argv[2] ?? "{}") as ShopOptions);

async function pruned(): Promise<Told> {
  return { kind: (await shop.once.prune()).kind, body: "", replayed: false };
}

process.on("message", async ({ number, wish }: Order) => {
  const told = await (wish === undefined ? pruned() : shop.buy(wish));
  process.send?.({ number, told, wall: Date.now() } satisfies Reply);
});
process.on("disconnect", () => process.exit());
process.send?.({ number: 0, told: { kind: "ready", body: "", replayed: false }, wall: Date.now() });
