import { declined, type Effect } from "../../core/effect.ts";
import type { OperationEvent } from "../../core/events.ts";
import { nevertwice, type Once } from "../../core/once.ts";
import { protect } from "../../http/web.ts";
import { isNevertwiceError } from "../../model/errors.ts";
import { recordId } from "../../model/key.ts";
import { fail, ok } from "../../model/outcome.ts";
import {
  type ChargeResult,
  type RefundResult,
  type SandboxClient,
  sandboxClient,
} from "../../sandbox/client.ts";
import type { Charge, Refund } from "../../sandbox/wire.ts";
import type { OperationStore } from "../../store.ts";
import { after, type Books, newOrderId, openBooks, type Purchase } from "./books.ts";
import type { Running } from "./child-process.ts";
import { type Crash, createCrash } from "./crash.ts";
import { naiveCheckout } from "./naive.ts";
import type { ShopOptions } from "./options.ts";
import { purchaseSchema, refundSchema } from "./purchase.ts";
import { shopRoutes } from "./routes.ts";
import { type Timeline, timelineOf } from "./timeline.ts";
import { problem, serve, type WebHandler } from "./web.ts";

/** Short, so that a person who crashed the shop sees it recover. */
const LEASE_MS = 3_000;
const POLL_MS = 500;

/** Starts the shop on its database and its provider. */
export async function startShop(options: ShopOptions): Promise<Running> {
  const books = await openBooks(options.db);
  const provider = sandboxClient(options.sandboxUrl);
  const crash = createCrash();
  // The books' callbacks await only where the database does, so one type serves both.
  const store = books.store as OperationStore<unknown, "async">;
  const once = nevertwice({
    store,
    namespace: "demo-shop",
    leaseMs: LEASE_MS,
    onEvent: report,
  });
  const routes = shopRoutes({
    provider,
    orders: () => books.orders(),
    checkout: checkoutRoute(once, books, provider, crash),
    refund: refundRoute(once, provider),
    naiveCheckout: naiveCheckout(books, provider, crash),
    timeline: (scope, key) => readTimeline(store, scope, key),
    crash: (at) => crash.arm(at),
  });
  const server = await serve(routes, { port: options.port, host: "127.0.0.1" });
  once.worker.start({ pollMs: POLL_MS });
  return {
    url: server.url,
    async close() {
      await server.close();
      await once.close();
      await books.close();
    },
  };
}

/** Reserve, charge, settle: what may fail for good fails before the money moves. */
function checkoutRoute(
  once: Once<unknown, "async">,
  books: Books<unknown>,
  provider: SandboxClient,
  crash: Crash,
): WebHandler {
  const checkout = once.operation("checkout", {
    input: purchaseSchema,
    handler: async (op, purchase) => {
      const { amount, currency } = purchase;
      const orderId = await op.atomic("reserve", (tx) => {
        const id = newOrderId();
        return after(books.reserve(tx, id, purchase), () => id);
      });
      const charge = await op.external("charge", chargeEffect(provider, crash, orderId, purchase));
      if (charge.declined) {
        const { code } = charge.decline;
        return op.settle((tx) =>
          after(books.release(tx, orderId), () => fail({ reason: code }, 402)),
        );
      }
      const chargeId = charge.value.id;
      return op.settle((tx, write) => {
        write.stage("receipt", { orderId });
        const body = { orderId, chargeId, amount, currency };
        return after(books.markPaid(tx, orderId, chargeId), () =>
          ok(body, 201, { reference: orderId }),
        );
      });
    },
  });
  return asWeb(protect(checkout, { scope: accountOf }));
}

function refundRoute(once: Once<unknown, "async">, provider: SandboxClient): WebHandler {
  const refund = once.operation("refund", {
    input: refundSchema,
    handler: async (op, { chargeId, amount }) => {
      const refunded = await op.external("refund", {
        input: { chargeId, amount },
        send: async ({ key }) =>
          definite(await provider.refund({ charge: chargeId, amount }, { idempotencyKey: key })),
      });
      if (refunded.declined) return fail({ reason: refunded.decline.code }, 402);
      return ok({ refundId: refunded.value.id, chargeId, amount }, 201, {
        reference: refunded.value.id,
      });
    },
  });
  return asWeb(protect(refund, { scope: accountOf }));
}

function chargeEffect(
  provider: SandboxClient,
  crash: Crash,
  orderId: string,
  { cartId, amount, currency }: Purchase,
): Effect<Charge, { code: string }> {
  return {
    input: { orderId, cartId, amount, currency },
    send: async ({ key }) => {
      crash.reach("before-charge");
      const request = { amount, currency, metadata: { orderId, cartId } };
      const result = await provider.charge(request, { idempotencyKey: key });
      crash.reach("after-charge");
      return definite(result);
    },
  };
}

/** A definite result of the provider; anything else is thrown, because nobody knows. */
function definite(result: ChargeResult): Charge | ReturnType<typeof declined<{ code: string }>>;
function definite(result: RefundResult): Refund | ReturnType<typeof declined<{ code: string }>>;
function definite(result: ChargeResult | RefundResult): unknown {
  if (result.kind === "declined") return declined({ code: result.decline.code });
  if (result.kind === "succeeded") return "charge" in result ? result.charge : result.refund;
  throw new Error(`The provider's answer is ${result.kind}: ${result.cause}`);
}

function accountOf(request: Request): string {
  return request.headers.get("x-account") ?? "demo";
}

/** The demo's account comes from a header, so a bad one is its client's mistake. */
function asWeb(handler: (request: Request) => Promise<Response>): WebHandler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (!isNevertwiceError(error, "scope-missing")) throw error;
      return problem(400, "X-Account names no account. Send 1 to 255 characters, or none at all.");
    }
  };
}

async function readTimeline(
  store: OperationStore<unknown>,
  scope: string,
  key: string,
): Promise<Timeline | undefined> {
  const answer = await store.read(recordId("http", scope, key));
  if (answer.kind !== "ok" || answer.value === undefined) return undefined;
  return timelineOf(key, answer.value.record, answer.value.now);
}

/** One line for the person who watches; what the operation became is on the page. */
function report(event: OperationEvent): void {
  if (event.type !== "attempt.failed") return;
  const text = event.error instanceof Error ? event.error.message : String(event.error);
  process.stderr.write(`An attempt of "${event.name}" ended without an outcome: ${text}\n`);
}
