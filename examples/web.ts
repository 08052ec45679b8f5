/** The same protection wherever a handler is a function from a Request to a Response. */
import { nevertwice, ok } from "nevertwice";
import { memoryStore } from "nevertwice/memory";
import { protect } from "nevertwice/web";
import { z } from "zod";

const once = nevertwice({ store: memoryStore() });

const placeOrder = once.operation("place-order", {
  input: z.object({ cartId: z.string() }),
  handler: async (op, { cartId }) => {
    const orderId = await op.atomic("reserve", (tx) => {
      const orders = tx.table<string>("orders");
      const id = `order_${orders.values().length + 1}`;
      orders.insert(id, cartId);
      return id;
    });
    return ok({ orderId }, 201, { reference: orderId });
  },
});

function accountOf(request: Request): string | undefined {
  return request.headers.get("x-account") ?? undefined;
}

/** What a route file of a framework exports. */
export const POST = protect(placeOrder, { scope: accountOf });

/** A handler that was there before. */
export const PUT = protect(
  once,
  { name: "rename-order", scope: accountOf, afterCrash: "rerun" },
  async (request) => Response.json({ renamed: await request.json() }),
);

for (const [method, handler] of Object.entries({ POST, PUT })) {
  for (const attempt of ["first", "retry"]) {
    const headers = { "content-type": "application/json", "x-account": "acct_1" };
    const request = new Request("http://localhost/orders", {
      method,
      headers: { ...headers, "idempotency-key": `${method}-1` },
      body: JSON.stringify({ cartId: "cart_1" }),
    });
    const answer = await handler(request);
    const replayed = answer.headers.get("idempotent-replayed") ?? "false";
    console.log(method, attempt, answer.status, await answer.text(), "replayed:", replayed);
  }
}
await once.close();
