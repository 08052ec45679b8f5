import { type Agent, request } from "node:http";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { nevertwice, type Once, ok } from "../src/index.ts";
import type { OperationStore } from "../src/store.ts";
import { postgresStore } from "../src/stores/postgres/store.ts";
import { sqliteStore } from "../src/stores/sqlite/store.ts";

/** Long enough that no heartbeat disturbs the measurement. */
export const LEASE_MS = 120_000;

export interface Shop {
  readonly once: Once<unknown, "async">;
  readonly store: OperationStore<unknown, "async">;
  readonly skew: { ms: number };
  order(number: number): Promise<unknown>;
  close(): Promise<void>;
}

/** One operation with one external step, on a database, over real sockets to the provider. */
export function openShop(
  db: string,
  charge: (key: string) => Promise<unknown>,
  onEvent: (type: string) => void,
): Shop {
  const skew = { ms: 0 };
  const pool = db.startsWith("postgres://")
    ? new pg.Pool({ connectionString: db, max: 20 })
    : undefined;
  // The server goes away before the pool does.
  pool?.on("error", () => undefined);
  const file = pool ? undefined : new DatabaseSync(db);
  const store = (pool
    ? postgresStore(pool, { skew })
    : sqliteStore(file as DatabaseSync, { skew })) as unknown as OperationStore<unknown, "async">;
  const once = nevertwice({
    store,
    namespace: "bench",
    leaseMs: LEASE_MS,
    storeTimeoutMs: 60_000,
    onEvent: (event) => onEvent(event.type),
  });
  const checkout = once.operation("checkout", {
    input: ANYTHING,
    handler: async (op, input) => {
      const charged = await op.external("charge", { input, send: ({ key }) => charge(key) });
      return ok({ charged: !charged.declined }, 201);
    },
  });
  return {
    once,
    store,
    skew,
    order: (number) => checkout.run({ scope: "acct", key: `order-${number}`, input: { number } }),
    async close() {
      await once.close();
      await pool?.end();
      file?.close();
    },
  };
}

const ANYTHING = {
  "~standard": {
    version: 1,
    vendor: "bench",
    validate: (value: unknown) => ({ value: value as { number: number } }),
  },
} as const;

/** A charge over a kept-alive connection. */
export function charger(port: number, agent: Agent): (key: string) => Promise<unknown> {
  return (key) =>
    new Promise((resolve, reject) => {
      const headers = { "idempotency-key": key, "content-length": 0 };
      const outgoing = request(
        { agent, port, host: "127.0.0.1", method: "POST", path: "/charges", headers },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString("utf8"))));
        },
      );
      outgoing.on("error", reject);
      outgoing.end();
    });
}
