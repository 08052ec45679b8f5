import "reflect-metadata";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Controller, Module, Next, Post, Req, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import type { NextFunction, Request, Response } from "express";
import { webhook } from "../../src/http/express.ts";
import { ACKNOWLEDGED, sign, type WebhookGround, webhookGround } from "./webhook-ground.ts";
import { type Received, send } from "./wire.ts";

interface Shop {
  readonly ground: WebhookGround;
  post(body: string): Promise<Received>;
  close(): Promise<void>;
}

async function shop(rawBody: boolean): Promise<Shop> {
  const ground = webhookGround();
  const take = webhook(ground.once, ground.provider("acquirer"), {});
  class HooksController {
    take(request: Request, response: Response, next: NextFunction): void {
      take(request, response, next);
    }
  }
  const { prototype } = HooksController;
  Controller("hooks")(HooksController);
  Post("acquirer")(prototype, "take", Object.getOwnPropertyDescriptor(prototype, "take") ?? {});
  for (const [index, decorate] of [Req(), Res(), Next()].entries())
    decorate(prototype, "take", index);
  class HooksModule {}
  Module({ controllers: [HooksController] })(HooksModule);
  const options = { logger: false, rawBody } as const;
  const app = await NestFactory.create<NestExpressApplication>(HooksModule, options);
  await app.listen(0, "127.0.0.1");
  const url = `${(await app.getUrl()).replace("[::1]", "127.0.0.1")}/hooks/acquirer`;
  return {
    ground,
    post: (body) => {
      const headers = { "content-type": "application/json", "x-signature": sign(body) };
      return send(url, { body, headers });
    },
    close: () => app.close(),
  };
}

const BODY = '{ "type": "made",\n"amount": 1.00 }';

test("nest: with rawBody, a controller takes webhooks byte for byte", async () => {
  const { ground, post, close } = await shop(true);
  const { status, body } = await post(BODY);
  assert.deepEqual([status, body.toString()], [ACKNOWLEDGED.status, ACKNOWLEDGED.body]);
  assert.equal(Buffer.from(ground.deliveries[0]?.body ?? []).toString(), BODY);
  assert.equal(ground.deliveries[0]?.url, "/hooks/acquirer");
  await close();
});

test("nest: without rawBody its parser leaves nothing that a signature could fit", async () => {
  const { ground, post, close } = await shop(false);
  assert.equal((await post(BODY)).status, 500);
  assert.deepEqual(ground.deliveries, []);
  await close();
});
