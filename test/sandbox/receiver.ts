import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { WebhookEndpoint } from "../../src/sandbox/webhook.ts";
import type { AttemptReport, DeliveryReport } from "../../src/sandbox/webhooks/report.ts";
import { post, sandboxOf } from "./sandbox.ts";

export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** How many deliveries were being answered when this one came, itself included. */
  readonly together: number;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** The statuses of the next answers; 200 when they are used up. */
  readonly statuses: number[];
}

/** A real server that takes webhooks. */
export async function receiverOf(context: TestContext): Promise<Receiver> {
  const received: Received[] = [];
  const statuses: number[] = [];
  let open = 0;
  const server = createServer(async (request, response) => {
    open += 1;
    const together = open;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    // Those that were sent at the same instant are here by then.
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    const headers = request.headers as Record<string, string>;
    received.push({ headers, together, text: Buffer.concat(chunks).toString("utf8") });
    open -= 1;
    response.writeHead(statuses.shift() ?? 200, { location: "http://127.0.0.1:9/" }).end("ok");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks?from=sandbox`,
    received,
    statuses,
  };
}

export interface WebhookBench extends Receiver {
  readonly sandbox: string;
  readonly endpoint: WebhookEndpoint;
  /** What is sent when all that is due is sent now. */
  flush(order?: object): Promise<readonly AttemptReport[]>;
  control<T>(path: string, body?: unknown, method?: string): Promise<T>;
  deliveries(): Promise<readonly DeliveryReport[]>;
}

/** A sandbox that sends to a receiver, when it is told to. */
export async function webhookBench(
  context: TestContext,
  registration: object,
): Promise<WebhookBench> {
  const { url: sandbox } = await sandboxOf(context);
  const receiver = await receiverOf(context);
  const control = async <T>(path: string, body?: unknown, method?: string): Promise<T> => {
    const address = `${sandbox}/sandbox/${path}`;
    const response = await (body === undefined
      ? fetch(address, { method: method ?? "GET" })
      : post(address, body));
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text) as T;
  };
  const order = { url: receiver.url, manual: true, ...registration };
  const endpoint = await control<WebhookEndpoint>("webhooks", order);
  return {
    ...receiver,
    sandbox,
    endpoint,
    control,
    flush: async (order = {}) =>
      (await control<{ data: AttemptReport[] }>("webhooks/flush", order)).data,
    deliveries: async () =>
      (await control<{ deliveries: DeliveryReport[] }>("webhooks")).deliveries,
  };
}

/** A call of a provider. */
export interface Sent {
  readonly path: string;
  readonly authorization?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | string;
}

export async function send(
  bench: WebhookBench,
  { path, authorization, headers, body }: Sent,
): Promise<Record<string, unknown>> {
  const response = await fetch(bench.sandbox + path, {
    method: "POST",
    headers: {
      "content-type":
        typeof body === "string" ? "application/x-www-form-urlencoded" : "application/json",
      ...(authorization === undefined ? {} : { authorization }),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.status < 300, text);
  return JSON.parse(text) as Record<string, unknown>;
}

/** What came of one charge, and that nothing is sent again once it was taken. */
export async function told(
  context: TestContext,
  registration: object,
  charge: Sent,
): Promise<{ bench: WebhookBench; received: readonly Received[]; types: readonly string[] }> {
  const bench = await webhookBench(context, registration);
  await send(bench, charge);
  const attempts = await bench.flush();
  assert.deepEqual(await bench.flush(), []);
  assert.equal(bench.received.length, attempts.length);
  return { bench, received: bench.received, types: attempts.map(({ type }) => type) };
}
