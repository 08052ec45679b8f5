/** Compiled, never run: what the handlers of events get from inference. */
import { DatabaseSync } from "node:sqlite";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import pg, { type PoolClient } from "pg";
import { webhook as onExpress } from "../../src/http/express.ts";
import { webhook as onFastify } from "../../src/http/fastify.ts";
import { webhook as onHono } from "../../src/http/hono.ts";
import { webhook as onWeb } from "../../src/http/web.ts";
import { nevertwice, type WebhookProvider } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._: Same<A, B> extends true ? [] : [never]): void {}

declare const provider: WebhookProvider;
interface Charge {
  readonly status: string;
  readonly updatedAt: number;
}
declare function findCharge(id: string, signal: AbortSignal): Promise<Charge | undefined>;

const once = nevertwice({ store: postgresStore(new pg.Pool()) });
const embedded = nevertwice({ store: sqliteStore(new DatabaseSync(":memory:")) });
const memory = nevertwice({ store: memoryStore() });

express().post(
  "/webhooks",
  onExpress(once, provider, {
    paid: async (tx, event, write) => {
      same<typeof tx, PoolClient>();
      same<typeof event.payload, unknown>();
      same<typeof event.type, string>();
      // @ts-expect-error Nobody knows what a provider sends before it was looked at.
      void event.payload.id;
      await tx.query("select 1");
      write.arrived(`order:${event.key}`);
    },
    refunded: { nature: "once-only", handler: (tx) => tx.query("select 1") },
    nothing: () => {},
    // @ts-expect-error There are three natures.
    odd: { nature: "sometimes", handler: () => {} },
    "*": (_tx, event) => event.refuse("nobody expects it"),
  }),
);

fastify().register(
  onFastify(
    embedded,
    provider,
    {
      paid: (tx, event) => {
        same<typeof tx, DatabaseSync>();
        tx.prepare("insert into seen values (?)").run(event.key);
      },
      returns: (tx) => tx.prepare("select 1").get()?.["one"] as number,
      nothing: () => {},
      // @ts-expect-error The callbacks of SQLite are synchronous.
      awaits: async () => {},
      // @ts-expect-error Also inside a declaration.
      declared: { nature: "repeating", handler: async () => {} },
    },
    { url: "/webhooks", mode: "inline" },
  ),
);

new Hono().post(
  "/webhooks",
  onHono(
    memory,
    provider,
    { paid: async (tx, event) => tx.table("seen").insert(event.key, true) },
    {
      objects: {
        charge: {
          read: (id, { signal }) => findCharge(id, signal),
          isBehind: (charge: Charge, event) => charge.updatedAt < (event.occurredAt ?? 0),
          states: { order: ["pending", "paid"], of: (charge: Charge) => charge.status },
          apply: (tx, charge: Charge, { id, to }) =>
            tx.table("charges").put(id, { to, updatedAt: charge.updatedAt }),
        },
      },
    },
  ),
);

export const POST: (request: Request) => Promise<Response> = onWeb(once, provider, {});

// @ts-expect-error Fastify's plugin has a route.
onFastify(once, provider, {});
// @ts-expect-error A provider stands between them.
onExpress(once, { paid: () => {} });
// @ts-expect-error Options are spelled as documented.
onHono(once, provider, {}, { mode: "later" });
