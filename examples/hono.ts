/** An order that happens once, on Hono, whether it is written for it or was there before. */
import { once as event } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { currentOperation, nevertwice, ok } from "nevertwice";
import { protect } from "nevertwice/hono";
import { sqliteStore } from "nevertwice/sqlite";
import { z } from "zod";

const folder = mkdtempSync(join(tmpdir(), "nevertwice-"));
const db = new DatabaseSync(join(folder, "shop.db"));
db.exec("create table orders (id integer primary key, cart text not null)");
const store = sqliteStore(db);
await store.migrate();
const once = nevertwice({ store });

const placeOrder = once.atomic("place-order", {
  input: z.object({ cartId: z.string() }),
  handler: ({ tx }, { cartId }) => {
    const { lastInsertRowid } = tx.prepare("insert into orders (cart) values (?)").run(cartId);
    return ok({ orderId: Number(lastInsertRowid) }, 201);
  },
});

type Env = { Variables: { account: string } };

/** The account, never a credential: a new credential must not make a retry a new operation. */
function accountOf(c: Context<Env>): string | undefined {
  return c.get("account");
}

const app = new Hono<Env>();
app.use(async (c, next) => {
  const account = c.req.header("x-account");
  if (account === undefined) return c.json({ error: "Who are you?" }, 401);
  c.set("account", account);
  return next();
});
app.post("/orders", protect(placeOrder, { scope: accountOf }));

// A handler that was there before: the middleware stands in front of it, and it stays as it is.
app.use("/mails", protect(once, { name: "mails", scope: accountOf, afterCrash: "doubt" }));
app.post("/mails", async (c) => {
  const { to } = await c.req.json<{ to: string }>();
  return c.json({ sentTo: to, key: currentOperation().key }, 202);
});

const port = Number(process.env["PORT"] ?? 0);
const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" });
await event(server, "listening");
const address = server.address();
const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;

for (const [path, body] of [
  ["/orders", { cartId: "cart_1" }],
  ["/mails", { to: "zoe@example.com" }],
] as const) {
  for (const attempt of ["first", "retry"]) {
    const answer = await fetch(url + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": `${path}-1`,
        "x-account": "acct_1",
      },
      body: JSON.stringify(body),
    });
    const replayed = answer.headers.get("idempotent-replayed") ?? "false";
    console.log(path, attempt, answer.status, await answer.text(), "replayed:", replayed);
  }
}
console.log("orders in the database:", db.prepare("select count(*) as n from orders").get()?.["n"]);

if (process.env["PORT"] === undefined) {
  server.close();
  await once.close();
  db.close();
  rmSync(folder, { recursive: true });
}
