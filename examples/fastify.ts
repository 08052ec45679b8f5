/** An order that happens once, on Fastify, whether it is written for it or was there before. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fastify, { type FastifyRequest } from "fastify";
import { currentOperation, nevertwice, ok } from "nevertwice";
import { protect } from "nevertwice/fastify";
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
function accountOf(request: FastifyRequest): string | undefined {
  return request.headers["x-account"]?.toString();
}

const app = fastify();
app.addHook("onRequest", async (request, reply) => {
  if (accountOf(request) === undefined) return reply.code(401).send({ error: "Who are you?" });
});
app.post("/orders", protect(placeOrder, { scope: accountOf }));

// Handlers that were there before: the plugin stands round the routes of its instance.
app.register(async (mails) => {
  mails.register(protect(once, { name: "mails", scope: accountOf, afterCrash: "doubt" }));
  mails.post<{ Body: { to: string } }>("/mails", async (request, reply) => {
    reply.code(202);
    return { sentTo: request.body.to, key: currentOperation().key };
  });
});

const url = await app.listen({ port: Number(process.env["PORT"] ?? 0), host: "127.0.0.1" });

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
  await app.close();
  await once.close();
  db.close();
  rmSync(folder, { recursive: true });
}
