import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { chargeEffect, refundEffect } from "../../src/cli/demo/payments.ts";
import { currentOperation } from "../../src/core/current.ts";
import { nevertwice, type Once, type OnceOptions } from "../../src/core/once.ts";
import type { StandardSchema } from "../../src/core/standard-schema.ts";
import { protect } from "../../src/http/web.ts";
import { ok } from "../../src/model/outcome.ts";
import type { SandboxClient } from "../../src/sandbox/client.ts";
import type { Charge } from "../../src/sandbox/wire.ts";
import type { MaybePromise } from "../../src/store.ts";
import type { Books } from "./books.ts";

/** What a customer sends, and what is to go wrong with it. */
export interface Purchase {
  readonly amount: number;
  /** How long the handler takes after the charge. */
  readonly slowMs?: number;
  /** The first attempt never comes to an end after its charge. */
  readonly hangs?: boolean;
  /** How long the process stands still, once, between the charge and its record. */
  readonly blockMs?: number;
  /** So many attempts throw after the charge. */
  readonly failures?: number;
  /** Puts a value into the result that JSON has no form for. */
  readonly odd?: "undefined" | "date" | "bigint";
}

export interface Application {
  readonly once: Once<unknown, "async">;
  handle(request: Request): Promise<Response>;
}

type Settings = Omit<OnceOptions<unknown, "async">, "store" | "namespace">;

const CURRENCY = "eur";
/** Longer than any test. */
const LONG_MS = 600_000;
const SCHEMA: StandardSchema<Purchase> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "object" && value !== null && "amount" in value
        ? { value: value as Purchase }
        : { issues: [{ message: "The amount is missing." }] },
  },
};

/** A small shop: one operation of each form, on the given store and provider. */
export function createApplication(
  books: Books,
  provider: SandboxClient,
  settings: Settings = {},
): Application {
  const { store } = books;
  const once = nevertwice({ store, namespace: "test-shop", onEvent: () => {}, ...settings });
  const scope = (request: Request): string => request.headers.get("x-account") ?? "acct_1";
  const checkout = checkoutOperation(once, books, provider);
  const refund = once.operation("refund", { input: SCHEMA, handler: () => ok({ refund: true }) });
  const note = once.atomic("note", {
    input: SCHEMA,
    handler: (op) => {
      const id = randomUUID();
      op.stage("noted", { id });
      return after(books.add(op.tx, id, op.key, "noted"), () => ok({ orderId: id }, 201));
    },
  });
  const wrapped = async (request: Request): Promise<Response> => {
    const { amount, failures = 0 } = (await request.json()) as Purchase;
    const { key, attempt } = currentOperation();
    // Without a key the provider charges each time it is asked.
    const result = await provider.charge({ amount, currency: CURRENCY, metadata: { key } });
    if (attempt <= failures) throw new Error("The handler failed after its charge.");
    return Response.json(result, { status: 201 });
  };
  const unlucky = async (request: Request): Promise<Response> => {
    const { failures = 0 } = (await request.json()) as Purchase;
    if (currentOperation().attempt <= failures) throw new Error("The handler failed.");
    return Response.json({ done: true }, { status: 201 });
  };
  const routes: Readonly<Record<string, (request: Request) => Response | Promise<Response>>> = {
    "/checkout": protect(checkout, { scope }),
    "/refund": protect(refund, { scope }),
    "/note": protect(note, { scope }),
    "/wrapped": protect(once as never, { name: "wrapped", scope, afterCrash: "doubt" }, wrapped),
    "/rerun": protect(once as never, { name: "rerun", scope, afterCrash: "rerun" }, unlucky),
  };
  return {
    once,
    async handle(request) {
      const route = routes[new URL(request.url).pathname];
      return route === undefined ? new Response(null, { status: 404 }) : await route(request);
    },
  };
}

/** Reserve, charge, settle. */
function checkoutOperation(
  once: Once<unknown, "async">,
  books: Books,
  provider: SandboxClient,
): ReturnType<typeof once.operation<typeof SCHEMA, unknown>> {
  return once.operation("checkout", {
    input: SCHEMA,
    compensations: {
      charge: ({ id, amount }: Charge) => refundEffect(provider, { charge: id, amount }),
    },
    handler: async (op, purchase): Promise<unknown> => {
      const orderId = await op.atomic("reserve", (tx) => {
        const id = randomUUID();
        return after(books.add(tx, id, op.key, "reserved"), () => id);
      });
      // The same write as a heartbeat's, at a place that a test can name.
      await op.assertOwner();
      const cart = { cartId: op.key, amount: purchase.amount, currency: CURRENCY };
      const stall = (): void => block(op.attempt === 1 ? (purchase.blockMs ?? 0) : 0);
      const watch = { before: () => {}, after: stall };
      const charge = await op.external("charge", chargeEffect(provider, orderId, cart, watch));
      if (charge.declined) throw new Error("The test's provider declines nothing.");
      const chargeId = charge.value.id;
      await goWrong(op.attempt, purchase);
      return op.settle((tx, write) => {
        write.stage("receipt", { orderId, chargeId });
        return after(books.pay(tx, orderId, chargeId), () =>
          ok({ orderId, chargeId, ...oddPart(purchase) }, 201, { reference: orderId }),
        );
      });
    },
  });
}

async function goWrong(attempt: number, purchase: Purchase): Promise<void> {
  const { slowMs = 0, failures = 0, hangs = false } = purchase;
  if (slowMs > 0) await sleep(slowMs);
  if (hangs && attempt === 1) await sleep(LONG_MS);
  if (attempt <= failures) throw new Error("The handler failed after its charge.");
}

/** Holds the whole process: no timer, no heartbeat, no socket. */
function block(ms: number): void {
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function oddPart({ odd }: Purchase): { odd?: unknown } {
  if (odd === "date") return { odd: new Date(0) };
  if (odd === "bigint") return { odd: 1n };
  return odd === "undefined" ? { odd: undefined } : {};
}

/** Goes on after a write: at once where it is done at once, later where it is a promise. */
function after<T>(written: MaybePromise<void>, next: () => T): T {
  // The library takes either, by the store's mode; the type says what all callers see.
  return (written === undefined ? next() : Promise.resolve(written).then(next)) as T;
}
