import type { Report } from "../../core/events.ts";
import { nevertwice, type Once } from "../../core/once.ts";
import { protect } from "../../http/web.ts";
import { systemClock } from "../../model/clock.ts";
import { isNevertwiceError } from "../../model/errors.ts";
import { recordId } from "../../model/key.ts";
import { fail, ok } from "../../model/outcome.ts";
import { type SandboxClient, sandboxClient } from "../../sandbox/client.ts";
import type { Charge } from "../../sandbox/wire.ts";
import type { OperationStore, Store } from "../../store.ts";
import { after, type Books, newOrderId } from "./bookkeeping.ts";
import { openBooks } from "./books.ts";
import type { Running } from "./child-process.ts";
import { type Crash, createCrash } from "./crash.ts";
import { letterBox, RECOGNISED_MS } from "./letter-box.ts";
import { naiveCheckout } from "./naive.ts";
import type { ShopOptions } from "./options.ts";
import { chargeEffect, refundEffect } from "./payments.ts";
import { purchaseSchema, refundSchema } from "./purchase.ts";
import { shopRoutes } from "./routes.ts";
import { type Timeline, timelineOf } from "./timeline.ts";
import { problem, serve, type WebHandler } from "./web.ts";
import { webhookControl } from "./webhook-control.ts";
import { orderOf, shopWebhooks } from "./webhooks.ts";

/** Short, so that a person who crashed the shop sees it recover. */
const LEASE_MS = 3_000;
const POLL_MS = 500;
/** Less than its supervisor waits for it. */
const CLOSE_GRACE_MS = 2_000;

/** Starts the shop on its database and its provider. */
export async function startShop(options: ShopOptions): Promise<Running> {
  const books = await openBooks(options.db);
  const provider = sandboxClient(options.sandboxUrl);
  const crash = createCrash();
  // The books' callbacks await only where the database does, so one type serves both.
  const store = books.store as Store<unknown, "async">;
  let refused = 0;
  const once = nevertwice({
    store,
    namespace: "demo-shop",
    leaseMs: options.leaseMs ?? LEASE_MS,
    attemptsMax: options.attemptsMax,
    onEvent: (event) => {
      if (event.type === "webhook.refused") refused += 1;
      report(event);
    },
  });
  const control = webhookControl(options.sandboxUrl);
  const webhooks = shopWebhooks({ once, books, provider, control, clock: systemClock });
  const box = letterBox(books);
  once.relay("receipt", (message) => box.send(message), { dedupeMs: RECOGNISED_MS });
  const routes = shopRoutes({
    provider,
    orders: () => books.orders(),
    checkout: checkoutRoute(once, books, provider, crash),
    refund: refundRoute(once, provider),
    naiveCheckout: naiveCheckout(books, provider, crash),
    timeline: (scope, key) => readTimeline(store, scope, key),
    crash: (at) => crash.arm(at),
    webhook: webhooks.handler,
    control,
    events: () => webhooks.events(),
    endpoint: () => ({ state: webhooks.state(), refused }),
    receipts: () => books.receipts(),
    loseReceipt: () => box.loseAnswer(),
  });
  const server = await serve(routes, { port: options.port, host: "127.0.0.1" });
  once.worker.start({ pollMs: POLL_MS });
  const closing = new AbortController();
  const opened = webhooks.open(options.publicUrl ?? server.url, closing.signal);
  return {
    url: server.url,
    async close() {
      closing.abort();
      await Promise.all([server.close(), opened]);
      await once.close({ graceMs: CLOSE_GRACE_MS });
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
  const watch = {
    before: () => crash.reach("before-charge"),
    after: () => crash.reach("after-charge"),
  };
  const checkout = once.operation("checkout", {
    input: purchaseSchema,
    // Where the order cannot be kept after all, the money goes back.
    compensations: {
      charge: ({ id, amount }: Charge) => refundEffect(provider, { charge: id, amount }),
    },
    handler: async (op, purchase) => {
      const { amount, currency } = purchase;
      const orderId = await op.atomic("reserve", (tx) => {
        const id = newOrderId();
        return after(books.reserve(tx, id, purchase), () => id);
      });
      const charge = await op.external("charge", chargeEffect(provider, orderId, purchase, watch));
      if (charge.declined) {
        const { code } = charge.decline;
        return op.settle((tx) =>
          after(books.release(tx, orderId), () => fail({ reason: code }, 402)),
        );
      }
      const chargeId = charge.value.id;
      return op.settle((tx, write) => {
        write.stage("receipt", { orderId }, { key: orderId });
        write.arrived(orderOf(chargeId));
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
      const request = { charge: chargeId, amount };
      const refunded = await op.external("refund", refundEffect(provider, request));
      if (refunded.declined) return fail({ reason: refunded.decline.code }, 402);
      return ok({ refundId: refunded.value.id, chargeId, amount }, 201, {
        reference: refunded.value.id,
      });
    },
  });
  return asWeb(protect(refund, { scope: accountOf }));
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
  const id = recordId("http", scope, key);
  const answer = await store.read(id);
  if (answer.kind !== "ok" || answer.value === undefined) return undefined;
  const evidence = await store.evidence(id);
  const known = evidence.kind === "ok" ? evidence.value : [];
  return timelineOf(key, answer.value, known);
}

/** One line for the person who watches; what the operation became is on the page. */
function report(event: Report): void {
  if (event.type !== "attempt.failed") return;
  const text = event.error instanceof Error ? event.error.message : String(event.error);
  process.stderr.write(`An attempt of "${event.name}" ended without an outcome: ${text}\n`);
}
