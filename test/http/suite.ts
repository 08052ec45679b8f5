import { test } from "node:test";
import { answerCases } from "./answers.ts";
import type { Case, Scene } from "./case.ts";
import { clientCases } from "./clients.ts";
import { doubtCases } from "./doubts.ts";
import type { HandlerName } from "./handlers.ts";
import { keyCases } from "./keys.ts";
import { refusalCases } from "./refusals.ts";
import { begin, send } from "./wire.ts";
import { ACCOUNT, build, type Wiring } from "./wiring.ts";

/** A real server of the framework under test, on a port of its own. */
export interface Server {
  readonly url: string;
  close(): Promise<void>;
}

export type Open = (wiring: Wiring) => Promise<Server>;

const CASES: readonly Case[] = [
  ...answerCases,
  ...keyCases,
  ...refusalCases,
  ...doubtCases,
  ...clientCases,
];

/**
 * What every door of `http` must do, whatever its framework. Each case has a server of its own.
 *
 * @param options.lacks handlers that the framework has no way to write
 * @param options.asynchronous whether a wrapped request can be answered before its handler is done,
 *   which needs a framework that has no single response per request
 */
export function httpSuite(
  name: string,
  open: Open,
  options: { readonly lacks?: readonly HandlerName[]; readonly asynchronous?: boolean } = {},
): void {
  const { asynchronous = false } = options;
  for (const one of CASES) {
    if (one.asynchronous === !asynchronous) continue;
    const lacking = one.needs?.find((handler) => options.lacks?.includes(handler));
    const skip = lacking === undefined ? false : `${name} has no handler "${lacking}"`;
    test(`${name}: ${one.title}`, { skip, timeout: 20_000 }, () => play(one, open));
  }
}

async function play(one: Case, open: Open): Promise<void> {
  const house = build(one.options);
  const server = await open(house);
  const scene: Scene = {
    house,
    url: server.url,
    post: (path, sending = {}) => send(server.url + path, withDefaults(sending)),
    begin: (path, sending = {}) => begin(server.url + path, withDefaults(sending)),
    raw: (path, sending) => send(server.url + path, sending),
  };
  try {
    await one.run(scene);
  } finally {
    house.openGate();
    await server.close();
  }
}

function withDefaults(sending: Parameters<Scene["post"]>[1]): Parameters<typeof send>[1] {
  const { key = "key-1", account = "acct_1", json, headers, ...rest } = sending ?? {};
  const body = json === undefined ? {} : { body: JSON.stringify(json) };
  const type = json === undefined ? {} : { "content-type": "application/json" };
  const named = {
    ...type,
    ...(key === null ? {} : { "idempotency-key": key }),
    ...(account === null ? {} : { [ACCOUNT]: account }),
  };
  return { ...body, ...rest, headers: { ...named, ...headers } };
}
