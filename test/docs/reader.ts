type Files = Readonly<Record<string, string>>;

/** What the pages' programs import of their reader's own project, by file name. */
const COMMON: Files = {
  "account.ts": `
import type { NextFunction, Request as ExpressRequest, Response } from "express";
export declare function requireUser(request: ExpressRequest, response: Response, next: NextFunction): void;
export declare function accountOf(request: ExpressRequest): string | undefined;
export declare function personOf(request: ExpressRequest): string;
export declare function accountOfRequest(request: Request): Promise<string | undefined>;
`,
  "app.ts": `
import type { Express } from "express";
import type { Pool } from "pg";
import type { Request as ExpressRequest } from "express";
import type Stripe from "stripe";
export { payments } from "./payments.ts";
export declare const stripe: Stripe;
export declare function accountOf(request: ExpressRequest): string | undefined;
export declare const app: Express;
export declare const pool: Pool;
`,
  "payments.ts": `
import type { declined } from "nevertwice";
interface Options { readonly idempotencyKey: string; readonly signal?: AbortSignal }
type Decline = ReturnType<typeof declined<{ code: string }>>;
export declare const payments: {
  charge(amount: number, options: Options): Promise<{ id: string } | Decline>;
  refund(charge: string, options: Options): Promise<{ id: string }>;
};
`,
  "shop.ts": `
import { nevertwice, ok } from "nevertwice";
import { postgresStore } from "nevertwice/postgres";
import pg from "pg";
import { z } from "zod";
export const once = nevertwice({ store: postgresStore(new pg.Pool()), namespace: "shop" });
export const Order = z.object({ cartId: z.string(), amount: z.int() });
export const checkout = once.operation("checkout", {
  input: Order,
  handler: async () => ok({ orderId: "order_1" }, 201),
});
export const refund = once.operation("refund", {
  input: z.object({ chargeId: z.string(), amount: z.int() }),
  handler: async () => ok({ refundId: "refund_1" }, 201),
});
`,
  "orders.ts": `
export declare function findOrder(scope: string, key: string): Promise<{ id: string } | undefined>;
export declare function createOrder(request: Request): Promise<Response>;
`,
  "seats.ts": `
import type { PoolClient } from "pg";
export declare function findSeat(tx: PoolClient): Promise<string | null>;
`,
};

/** The same in the language of another framework. */
const OF_PAGE: Readonly<Record<string, Files>> = {
  "docs/guides/fastify.md": {
    "account.ts": `
import type { FastifyRequest } from "fastify";
export declare function requireUser(request: FastifyRequest): Promise<void>;
`,
    "orders.ts": `
import type { FastifyRequest } from "fastify";
export declare function createOrder(request: FastifyRequest): Promise<object>;
`,
  },
  "docs/guides/hono.md": {
    "account.ts": `
import type { MiddlewareHandler } from "hono";
export declare const requireUser: MiddlewareHandler<{ Variables: { account: string } }>;
`,
    "orders.ts": `
import type { Context } from "hono";
export declare function createOrder(c: Context): Promise<Response>;
`,
  },
  "docs/guides/nestjs.md": {
    "account.ts": `${COMMON["account.ts"]}
import type { CanActivate } from "@nestjs/common";
export declare class UserGuard implements CanActivate { canActivate(): boolean }
`,
    "orders.ts": "export declare class OrdersController {}\n",
  },
};

/** The files of the reader's project beside a page's programs. */
export function readerOf(page: string): Files {
  return { ...COMMON, ...OF_PAGE[page] };
}
