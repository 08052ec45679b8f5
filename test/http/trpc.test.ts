import assert from "node:assert/strict";
import { test } from "node:test";
import { initTRPC, TRPCError } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import {
  fail,
  isNevertwiceError,
  type Operation,
  ok,
  parseKey,
  type RunOutcome,
  type RunResult,
  unwrap,
} from "../../src/index.ts";
import { Order, type Stage, stage } from "../core/stage.ts";

interface Context {
  readonly account: string | undefined;
  readonly keyHeader: string | null;
}

const CODES: Readonly<Record<number, TRPCError["code"]>> = {
  400: "BAD_REQUEST",
  409: "CONFLICT",
  413: "PAYLOAD_TOO_LARGE",
  422: "UNPROCESSABLE_CONTENT",
  503: "SERVICE_UNAVAILABLE",
};

/** A refusal in tRPC's words. */
function toTRPCError(error: unknown): unknown {
  if (!isNevertwiceError(error)) return error;
  const code = CODES[error.status] ?? "INTERNAL_SERVER_ERROR";
  return new TRPCError({ code, message: error.message, cause: error });
}

async function settle<Body>(run: Promise<RunResult<Body>>): Promise<RunOutcome<Body>> {
  try {
    return unwrap(await run);
  } catch (error) {
    throw toTRPCError(error);
  }
}

const t = initTRPC.context<Context>().create({
  errorFormatter({ shape, error }) {
    const { cause } = error;
    if (!isNevertwiceError(cause)) return shape;
    return { ...shape, data: { ...shape.data, reason: cause.code, retry: cause.retry } };
  },
});

const keyed = t.procedure.use(({ ctx, next }) => {
  if (ctx.account === undefined) throw new TRPCError({ code: "UNAUTHORIZED" });
  try {
    return next({ ctx: { account: ctx.account, key: parseKey(ctx.keyHeader) } });
  } catch (error) {
    throw toTRPCError(error);
  }
});

type Checkout = Operation<Order, { run: number } | { reason: string }>;

function createRouter(checkout: Checkout) {
  return t.router({
    checkout: keyed.input(Order).mutation(async ({ ctx, input }) => {
      const { kind, body, replayed } = await settle(
        checkout.run({ origin: "http", scope: ctx.account, key: ctx.key, input }),
      );
      return { kind, body, replayed };
    }),
  });
}

interface Shop {
  readonly stage: Stage;
  readonly runs: () => number;
  readonly gate: PromiseWithResolvers<void>;
  call(input: unknown, headers?: Record<string, string>): Promise<Answer>;
}

interface Answer {
  readonly status: number;
  readonly data: unknown;
  readonly error: { readonly data: Record<string, unknown> } | undefined;
}

function shop(): Shop {
  const set = stage();
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const checkout = set.process().operation("checkout", {
    input: Order,
    handler: async (_op, order) => {
      runs += 1;
      if (order.cartId === "slow") await gate.promise;
      if (order.cartId === "broken") throw new Error("a bug");
      return order.amount > 10_000
        ? fail({ reason: "card_declined" }, 402)
        : ok({ run: runs }, 201);
    },
  });
  const router = createRouter(checkout);
  return {
    stage: set,
    runs: () => runs,
    gate,
    async call(input, headers = { "idempotency-key": "key-1", "x-account": "acct_1" }) {
      const response = await fetchRequestHandler({
        endpoint: "/trpc",
        router,
        req: new Request("http://localhost/trpc/checkout", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(input),
        }),
        createContext: ({ req }) => ({
          account: req.headers.get("x-account") ?? undefined,
          keyHeader: req.headers.get("idempotency-key"),
        }),
      });
      const { result, error } = (await response.json()) as {
        result?: { data: unknown };
        error?: { data: Record<string, unknown> };
      };
      return { status: response.status, data: result?.data, error };
    },
  };
}

const ORDER = { cartId: "c1", amount: 1999 };

test("S5: a mutation called twice runs once", async () => {
  const { call, runs } = shop();
  const first = await call(ORDER);
  assert.deepEqual(first.data, { kind: "succeeded", body: { run: 1 }, replayed: false });
  const second = await call(ORDER, { "idempotency-key": '"key-1"', "x-account": "acct_1" });
  assert.deepEqual(second.data, { kind: "succeeded", body: { run: 1 }, replayed: true });
  assert.equal(runs(), 1);
});

test("S6: a decline is a value, and replayed", async () => {
  const { call, runs } = shop();
  const dear = { ...ORDER, amount: 20_000 };
  for (const replayed of [false, true])
    assert.deepEqual((await call(dear)).data, {
      kind: "failed",
      body: { reason: "card_declined" },
      replayed,
    });
  assert.equal(runs(), 1);
});

test("S1, S12: refusals have tRPC's codes, and say what may be retried", async () => {
  const { call, runs } = shop();
  const keyless = await call(ORDER, { "x-account": "acct_1" });
  assert.deepEqual([keyless.status, keyless.error?.data["reason"]], [400, "key-required"]);
  const unknown = await call(ORDER, { "idempotency-key": "key-1" });
  assert.equal(unknown.error?.data["code"], "UNAUTHORIZED");
  assert.equal((await call({ ...ORDER, amount: -1 })).error?.data["code"], "BAD_REQUEST");
  assert.equal(runs(), 0);
  await call(ORDER);
  const reused = await call({ ...ORDER, amount: 1 });
  assert.deepEqual([reused.status, reused.error?.data["reason"]], [422, "key-reused"]);
  assert.equal(reused.error?.data["retry"], "never");
  assert.equal(runs(), 1);
});

test("S4, S7: a running mutation is a conflict, a failed attempt is unavailable", async () => {
  const { call, gate, runs } = shop();
  const slow = { ...ORDER, cartId: "slow" };
  const first = call(slow);
  const second = await call(slow);
  assert.deepEqual([second.status, second.error?.data["retry"]], [409, "same-key"]);
  gate.resolve();
  assert.equal((await first).status, 200);
  assert.equal(runs(), 1);
  const broken = { ...ORDER, cartId: "broken" };
  const failed = await call(broken, { "idempotency-key": "key-2", "x-account": "acct_1" });
  assert.deepEqual([failed.status, failed.error?.data["reason"]], [503, "retry-scheduled"]);
});

test("G: a client's key is not the key of a job", async () => {
  const set = stage();
  const once = set.process();
  const options = { input: Order, handler: () => ok({ run: 1 }, 201) };
  const checkout = once.operation("checkout", options);
  await checkout.run({ scope: "acct_1", key: "key-1", input: { cartId: "job", amount: 1 } });
  const router = createRouter(checkout as Checkout);
  const caller = router.createCaller({ account: "acct_1", keyHeader: "key-1" });
  assert.equal((await caller.checkout(ORDER)).replayed, false);
});
