import type { SandboxClient } from "../../sandbox/client.ts";
import { type Books, newOrderId, type Purchase } from "./bookkeeping.ts";
import type { Crash } from "./crash.ts";
import { purchaseSchema } from "./purchase.ts";
import { problem, type WebHandler } from "./web.ts";

/** The checkout as it is usually written: charge, then insert, and hope. */
export function naiveCheckout(
  books: Books<unknown>,
  provider: SandboxClient,
  crash: Crash,
): WebHandler {
  return async (request) => {
    const parsed = await purchaseSchema["~standard"].validate(
      await request.json().catch(() => undefined),
    );
    if (parsed.issues) return problem(422, parsed.issues[0]?.message ?? "The purchase is invalid.");
    const purchase: Purchase = parsed.value;
    const { cartId, amount, currency } = purchase;
    crash.reach("before-charge");
    const result = await provider.charge({ amount, currency, metadata: { cartId } });
    crash.reach("after-charge");
    if (result.kind === "declined")
      return Response.json({ reason: result.decline.code }, { status: 402 });
    if (result.kind !== "succeeded") return problem(502, "The payment failed, please try again.");
    const orderId = newOrderId();
    await books.add(orderId, purchase, result.charge.id);
    return Response.json(
      { orderId, chargeId: result.charge.id, amount, currency },
      { status: 201 },
    );
  };
}
