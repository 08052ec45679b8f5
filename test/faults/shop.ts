import pg from "pg";
import type { SettingsOptions } from "../../src/core/settings.ts";
import type { StandardSchema } from "../../src/core/standard-schema.ts";
import { type EventListener, nevertwice, type Once, ok } from "../../src/index.ts";
import type { Store } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";

/** What a customer wants, and what is to go wrong with it. */
export interface Wish {
  readonly key: string;
  /** The provider's answer to the first send is lost. */
  readonly lost?: boolean;
  /** How long the handler takes after its charge, in milliseconds. */
  readonly slowMs?: number;
  /** Only to fill a disk. */
  readonly note?: string;
}

/** What the customer is told: the kind, and the same body for the same key. */
export interface Told {
  readonly kind: string;
  readonly body: string;
  readonly replayed: boolean;
}

export interface ShopOptions extends SettingsOptions {
  readonly url: string;
  /** The name of this process in the provider's ledger. */
  readonly name: string;
  /** Called in the handler, after its charge. */
  readonly charged?: (key: string) => Promise<void>;
  readonly onEvent?: EventListener;
  /** A table in the shop's own database by default. */
  readonly provider?: Provider;
}

/** One request that reached the provider. */
export interface Sent {
  readonly key: string;
  readonly providerKey: string;
  /** The process that it came from. */
  readonly sender: string;
}

/** Somebody else's system. It makes one charge for each provider key. */
export interface Provider {
  send(sent: Sent): Promise<void>;
  sends(key: string): Promise<readonly Sent[]>;
}

/** A provider that lives on when the database does not. */
export function memoryProvider(): Provider {
  const all: Sent[] = [];
  return {
    send: async (sent) => void all.push(sent),
    sends: async (of) => all.filter(({ key }) => key === of),
  };
}

function tableProvider(pool: pg.Pool): Provider {
  return {
    async send({ key, providerKey, sender }) {
      await pool.query("INSERT INTO sends VALUES ($1, $2, $3)", [key, providerKey, sender]);
    },
    async sends(key) {
      const sql = `SELECT key, provider_key AS "providerKey", sender FROM sends WHERE key = $1`;
      return (await pool.query<Sent>(sql, [key])).rows;
    },
  };
}

/** One process of a shop: reserve, charge, settle. */
export interface Shop {
  readonly once: Once<pg.PoolClient, "async">;
  readonly store: Store<pg.PoolClient, "async">;
  readonly pool: pg.Pool;
  readonly provider: Provider;
  buy(wish: Wish): Promise<Told>;
  close(): Promise<void>;
}

/** How long the provider remembers a key. */
const KEPT_FOR_MS = 3_600_000;

const SCHEMA: StandardSchema<Wish> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Wish }) },
};

/** Nothing keeps a second order of a key out, so that a second effect is seen. */
const TABLES = `
CREATE TABLE orders (key text NOT NULL, charge text);
CREATE TABLE sends (key text NOT NULL, provider_key text NOT NULL, sender text NOT NULL);`;

/** Makes the tables; for one process, before the others come. */
export async function createTables({ store, pool }: Shop): Promise<void> {
  await store.migrate();
  await pool.query(TABLES);
}

export function openShop(options: ShopOptions): Shop {
  const { url, name, charged, onEvent, provider: given, ...settings } = options;
  const pool = new pg.Pool({ connectionString: url });
  pool.on("error", () => {});
  const provider = given ?? tableProvider(pool);
  const store = postgresStore(pool);
  const once = nevertwice({
    ...{ store, namespace: "shop", onEvent: onEvent ?? (() => {}) },
    backoff: { baseMs: 1, capMs: 5 },
    ...settings,
  });
  const checkout = once.operation("checkout", {
    input: SCHEMA,
    handler: async (op, wish) => {
      await op.atomic("reserve", async (tx) => {
        await tx.query("INSERT INTO orders (key) VALUES ($1)", [wish.key]);
        return true;
      });
      const charge = await op.external("charge", {
        input: { key: wish.key },
        keptForMs: KEPT_FOR_MS,
        send: async ({ key }) => {
          await provider.send({ key: wish.key, providerKey: key, sender: name });
          if (wish.lost && op.attempt === 1) throw new Error("The answer was lost.");
          return { id: key };
        },
      });
      if (charge.declined) throw new Error("This provider declines nothing.");
      await charged?.(wish.key);
      if (wish.slowMs) await new Promise((resolve) => setTimeout(resolve, wish.slowMs));
      return op.settle(async (tx) => {
        const values = [wish.key, charge.value.id];
        await tx.query("UPDATE orders SET charge = $2 WHERE key = $1", values);
        return ok({ key: wish.key, charge: charge.value.id }, 201);
      });
    },
  });
  return {
    ...{ once, store, pool, provider },
    async buy(wish) {
      const result = await checkout.run({ scope: "acct_1", key: wish.key, input: wish });
      const body = "body" in result ? JSON.stringify(result.body) : "";
      return { kind: result.kind, body, replayed: "replayed" in result && result.replayed };
    },
    async close() {
      await once.close();
      await pool.end();
    },
  };
}

export interface KeyBooks {
  readonly orders: number;
  /** Orders that were paid. */
  readonly paid: number;
  /** What the provider made: one charge for each key that it was sent. */
  readonly charges: number;
  readonly senders: readonly string[];
}

/** What database and provider hold of a key. */
export async function booksOf({ pool, provider }: Shop, key: string): Promise<KeyBooks> {
  const { rows: orders } = await pool.query("SELECT charge FROM orders WHERE key = $1", [key]);
  const sends = await provider.sends(key);
  return {
    orders: orders.length,
    paid: orders.filter(({ charge }) => charge !== null).length,
    charges: new Set(sends.map(({ providerKey }) => providerKey)).size,
    senders: sends.map(({ sender }) => sender),
  };
}

/** How often a client asks before it believes that no answer will come. */
const ASKED_MAX = 200;
const PAUSE_MS = 25;

/** A client that asks with the same key until it is told something final. */
export async function insistOn(shop: Pick<Shop, "buy">, wish: Wish): Promise<Told> {
  for (let count = 1; ; count += 1) {
    const told = await shop.buy(wish);
    if (told.kind === "succeeded" || count === ASKED_MAX) return told;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
