import express, { type RequestHandler } from "express";
import { protect } from "../../src/http/express.ts";
import { accountOf, type Form, serve } from "./express-server.ts";
import { begin, type Received, send, type UnderWay } from "./wire.ts";
import { ACCOUNT, build, type House } from "./wiring.ts";

const OPTIONS = { name: "orders", afterCrash: "doubt", scope: accountOf } as const;
export const HEADERS = { "idempotency-key": "key-1", [ACCOUNT]: "acct_1" };

export interface Bench {
  readonly house: House;
  readonly url: string;
  post(): Promise<Received>;
  begin(): UnderWay;
}

/** Plays on a server with one handler, mounted in the given form. */
export async function on(
  form: Form,
  handler: (house: House) => RequestHandler,
  play: (bench: Bench) => Promise<void>,
  before: RequestHandler = (_request, _response, next) => next(),
): Promise<void> {
  const house = build();
  const app = express().use(before);
  if (form === "middleware") app.use(protect(house.once, OPTIONS), handler(house));
  else app.use(protect(house.once, OPTIONS, handler(house)));
  const server = await serve(app, house);
  try {
    await play({
      house,
      url: server.url,
      post: () => send(server.url, { headers: HEADERS }),
      begin: () => begin(server.url, { headers: HEADERS }),
    });
  } finally {
    house.openGate();
    await server.close();
  }
}
