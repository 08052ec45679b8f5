/** An order that happens once, on Express, whether it is written for it or was there before. */
import { once as event } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import express, { type Request } from "express";
import { nevertwice, ok } from "nevertwice";
import { protect } from "nevertwice/express";
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

/** The account, never a credential: a new credential must not make a retry a new operation. */
function accountOf(request: Request): string | undefined {
  return request.get("x-account");
}

const app = express();
app.use(express.json());
app.post("/orders", protect(placeOrder, { scope: accountOf }));

// A handler that was there before: the middleware stands in front of it, and it stays as it is.
app.use("/mails", protect(once, { name: "mails", scope: accountOf, afterCrash: "doubt" }));
app.post("/mails", (request, response) => {
  response.status(202).json({ sentTo: request.body.to });
});

const server = app.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
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
