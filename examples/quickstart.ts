import { createServer, type IncomingMessage } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { declined, fail, nevertwice, ok } from "nevertwice";
import { sqliteStore } from "nevertwice/sqlite";
import { protect } from "nevertwice/web";
import { z } from "zod";

// A payment provider to play with: one key, one charge, in a file of its own.
const LIMIT = 1_000_000;
const provider = new DatabaseSync("provider.db");
provider.exec("CREATE TABLE IF NOT EXISTS charge (key TEXT PRIMARY KEY, amount INTEGER)");
const charge = (key: string, amount: number): { id: string } => {
  provider.prepare("INSERT OR IGNORE INTO charge VALUES (?, ?)").run(key, amount);
  return { id: `ch_${key.slice(0, 8)}` };
};

// Your shop and its database.
const db = new DatabaseSync("shop.db");
db.exec("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER, charge TEXT)");
const store = sqliteStore(db);
await store.migrate();
const once = nevertwice({ store, namespace: "quickstart", leaseMs: 2_000 });

const checkout = once.operation("checkout", {
  input: z.object({ cartId: z.string(), amount: z.int().positive() }),
  handler: async (op, { cartId, amount }) => {
    const orderId = await op.atomic("reserve", (tx) => {
      const id = `order_${cartId}`;
      tx.prepare("INSERT INTO orders (id, amount) VALUES (?, ?)").run(id, amount);
      return id;
    });
    const paid = await op.external("charge", {
      input: { orderId, amount },
      send: ({ key }) => {
        if (amount > LIMIT) return declined({ code: "too_much" });
        const charged = charge(key, amount);
        if (process.env["CRASH"] === "after-charge") process.exit(1);
        return charged;
      },
    });
    return op.settle((tx) => {
      if (paid.declined) {
        tx.prepare("DELETE FROM orders WHERE id = ?").run(orderId);
        return fail({ reason: paid.decline.code }, 402);
      }
      tx.prepare("UPDATE orders SET charge = ? WHERE id = ?").run(paid.value.id, orderId);
      return ok({ orderId, chargeId: paid.value.id }, 201, { reference: orderId });
    });
  },
});

const handler = protect(checkout, {
  scope: (request) => request.headers.get("x-account") ?? "demo",
});

createServer(async (incoming, outgoing) => {
  const response = await handler(await toRequest(incoming)).catch(() => Response.error());
  outgoing.writeHead(response.status || 500, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}).listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("The shop is open."));

once.worker.start();

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  const { method = "GET", url = "/" } = incoming;
  const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
  return new Request(`http://shop${url}`, {
    method,
    headers: headers as [string, string][],
    ...body,
  });
}
