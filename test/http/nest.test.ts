import "reflect-metadata";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  HttpException,
  type MiddlewareConsumer,
  Module,
  Next,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import type { NextFunction, Request, Response } from "express";
import { protect } from "../../src/http/express.ts";
import { currentOperation, ok } from "../../src/index.ts";
import { Order, type Stage, stage } from "../core/stage.ts";
import { jsonOf, type Received, send } from "./wire.ts";

interface Shop {
  readonly stage: Stage;
  readonly runs: () => number;
  post(path: string, json: unknown, headers?: Record<string, string>): Promise<Received>;
  close(): Promise<void>;
}

function accountOf(request: Request): string | undefined {
  return request.header("x-account");
}

/** Decorates a method of a controller, and its parameters in order. */
function route(
  target: new () => object,
  name: string,
  method: MethodDecorator[],
  parameters: ParameterDecorator[],
): void {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name) ?? {};
  for (const decorate of method) decorate(target.prototype, name, descriptor);
  for (const [index, decorate] of parameters.entries()) decorate(target.prototype, name, index);
  Object.defineProperty(target.prototype, name, descriptor);
}

class AccountGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (accountOf(context.switchToHttp().getRequest())) return true;
    throw new UnauthorizedException();
  }
}

/** Mounts the middleware by a module, or by `app.use`, with the body parser before it or not. */
async function shop(form: "consumer" | "use" | "use-parsed" = "consumer"): Promise<Shop> {
  const set = stage();
  const once = set.process();
  let runs = 0;
  const checkout = once.operation("checkout", {
    input: Order,
    handler: (_op, order) => ok({ run: ++runs, paid: order.amount }, 201),
  });
  const answer = protect(checkout, { scope: accountOf });
  const orders = protect(once, { name: "orders", scope: accountOf, afterCrash: "doubt" });

  class ShopController {
    create(order: { amount: number }): object {
      runs += 1;
      if (order.amount === 0) throw new HttpException({ reason: "sold out" }, 409);
      if (order.amount < 0) throw new Error("a bug");
      return { run: runs, key: currentOperation().key, amount: order.amount };
    }
    checkout(request: Request, response: Response, next: NextFunction): unknown {
      return answer(request, response, next);
    }
  }
  Controller()(ShopController);
  route(ShopController, "create", [Post("orders")], [Body()]);
  const guarded = [Post("checkout"), UseGuards(AccountGuard)] as MethodDecorator[];
  route(ShopController, "checkout", guarded, [Req(), Res(), Next()]);

  class ShopModule {
    configure(consumer: MiddlewareConsumer): void {
      if (form === "consumer") consumer.apply(orders).forRoutes("orders");
    }
  }
  Module({ controllers: [ShopController] })(ShopModule);

  const app = await NestFactory.create<NestExpressApplication>(ShopModule, { logger: false });
  if (form === "use-parsed") app.useBodyParser("json");
  if (form !== "consumer") app.use("/orders", orders);
  await app.listen(0, "127.0.0.1");
  const url = (await app.getUrl()).replace("[::1]", "127.0.0.1");
  return {
    stage: set,
    runs: () => runs,
    post: (path, json, headers = {}) =>
      send(url + path, {
        headers: {
          "content-type": "application/json",
          "idempotency-key": "key-1",
          "x-account": "acct_1",
          ...headers,
        },
        body: JSON.stringify(json),
      }),
    close: () => app.close(),
  };
}

for (const form of ["consumer", "use-parsed"] as const) {
  test(`S5: a controller behind the middleware (${form}) runs once`, async () => {
    const { post, runs, close } = await shop(form);
    const first = await post("/orders", { amount: 1999 });
    assert.deepEqual(jsonOf(first), { run: 1, key: "key-1", amount: 1999 });
    const second = await post("/orders", { amount: 1999 });
    assert.deepEqual([second.status, second.body], [first.status, first.body]);
    assert.equal(second.headers["idempotent-replayed"], "true");
    assert.equal(jsonOf(await post("/orders", { amount: 1 }))["code"], "key-reused");
    assert.equal(runs(), 1);
    await close();
  });
}

test("S6, S7: an exception's status decides, as its filter has answered it", async () => {
  const { post, runs, close } = await shop();
  const first = await post("/orders", { amount: 0 });
  assert.deepEqual([first.status, jsonOf(first)], [409, { reason: "sold out" }]);
  const second = await post("/orders", { amount: 0 });
  assert.deepEqual([second.headers["idempotent-replayed"], second.body], ["true", first.body]);
  for (let round = 0; round < 2; round += 1) {
    const failed = await post("/orders", { amount: -1 }, { "idempotency-key": "key-2" });
    assert.equal(jsonOf(failed)["code"], "in-doubt");
  }
  assert.equal(runs(), 2);
  await close();
});

test("H25: app.use() comes before Nest's body parser, so an unread body is an error", async () => {
  const { post, runs, stage, close } = await shop("use");
  assert.equal((await post("/orders", { amount: 1999 })).status, 500);
  assert.deepEqual([runs(), stage.events.length], [0, 0]);
  await close();
});

test("S3: a declared operation in a controller runs behind its guards", async () => {
  const { post, runs, close } = await shop();
  const order = { cartId: "c1", amount: 1999 };
  assert.equal((await post("/checkout", order, { "x-account": "" })).status, 401);
  const first = await post("/checkout", order);
  assert.deepEqual([first.status, jsonOf(first)], [201, { run: 1, paid: 1999 }]);
  const second = await post("/checkout", order);
  assert.deepEqual([second.status, second.body], [201, first.body]);
  assert.equal(second.headers["idempotent-replayed"], "true");
  assert.equal(runs(), 1);
  await close();
});
