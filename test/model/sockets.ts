import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { createServer as createTlsServer, request as httpsRequest } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { Agent, request as undiciRequest } from "undici";
import { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";

/** A place to send a request to, and what arrived there. */
export interface Place {
  readonly url: string;
  /** How many times the request's own bytes were seen. */
  arrived(): number;
}

export const BODY = '{"amount":1999}';
/** How long clients wait for an answer that will not come: longer than a busy machine sleeps. */
const PATIENCE_MS = 1_500;
/** How long a connection is waited for that the kernel makes at once or not at all. */
const CONNECT_MS = 150;
/** More than the smallest queue of a listener holds. */
const QUEUED_MAX = 64;

async function listen(context: TestContext, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that reads the whole request and then does something else than to answer it well. */
export async function listener(
  context: TestContext,
  answer: (socket: Socket) => void,
): Promise<Place> {
  let count = 0;
  const server = createServer((socket) => {
    let seen = "";
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      if (!seen.includes(BODY)) return;
      seen = "";
      count += 1;
      answer(socket);
    });
  });
  return { url: `http://${await listen(context, server)}`, arrived: () => count };
}

/** A server that resets each connection as soon as it is made. */
export async function resetting(context: TestContext): Promise<Place> {
  const server = createServer((socket) => socket.resetAndDestroy());
  return { url: `http://${await listen(context, server)}`, arrived: () => 0 };
}

/** A server that resets each connection when something has come, without reading it. */
export async function resettingAtOnce(context: TestContext): Promise<Place> {
  const server = createServer((socket) => socket.once("readable", () => socket.resetAndDestroy()));
  return { url: `http://${await listen(context, server)}`, arrived: () => 0 };
}

/** A server whose certificate does not hold. */
export async function untrusted(context: TestContext): Promise<Place> {
  let count = 0;
  const server = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (_, response) => {
    count += 1;
    response.end("{}");
  });
  server.on("tlsClientError", () => {});
  // Not a parsed request but the first decrypted byte is what must not come.
  server.on("secureConnection", (socket) => socket.once("data", () => (count += 1)));
  return { url: `https://${await listen(context, server)}`, arrived: () => count };
}

export async function closedPort(context: TestContext): Promise<Place> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  context.diagnostic(`closed port ${port}`);
  return { url: `http://127.0.0.1:${port}`, arrived: () => 0 };
}

const DEAF = `
const { createServer } = require("node:net");
const { parentPort } = require("node:worker_threads");
const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});
`;

/** A port whose owner accepts nothing, with as many connections before it as it can hold. */
export async function deaf(context: TestContext): Promise<Place> {
  const worker = new Worker(DEAF, { eval: true });
  const [port] = (await once(worker, "message")) as [number];
  const sockets: Socket[] = [];
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    await worker.terminate();
  });
  for (let connected = true; connected; ) {
    if (sockets.length === QUEUED_MAX) throw new Error("The listener accepts without end.");
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    sockets.push(socket);
    connected = await Promise.race([once(socket, "connect").then(() => true), stays(CONNECT_MS)]);
  }
  return { url: `http://127.0.0.1:${port}`, arrived: () => 0 };
}

/**
 * Waits, and then lets the events that are there already come first: a busy machine that wakes up
 * late sees its timers before its sockets.
 */
async function stays(ms: number): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  return false;
}

/** Sends one request and resolves to the error that it ends with. */
export type Client = (url: string, signal?: AbortSignal) => Promise<unknown>;

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  const ended = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in ended) return ended.error;
  throw new Error("The request was answered.");
}

const nodeHttp: Client = (url, signal) => {
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method: "POST", agent: false, signal });
    outgoing.setTimeout(PATIENCE_MS, () =>
      outgoing.destroy(Object.assign(new Error("idle"), { code: "ESOCKETTIMEDOUT" })),
    );
    outgoing.on("error", resolve);
    outgoing.on("response", (incoming) => {
      incoming.on("error", resolve);
      incoming.on("end", () => reject(new Error("The request was answered.")));
      incoming.resume();
    });
    outgoing.end(BODY);
  });
};

const globalFetch: Client = (url, signal) =>
  errorOf(
    fetch(url, {
      method: "POST",
      body: BODY,
      signal: signal ?? AbortSignal.timeout(PATIENCE_MS),
    }).then((response) => response.text()),
  );

export const undici: Client = async (url, signal) => {
  const dispatcher = new Agent({
    connectTimeout: PATIENCE_MS,
    headersTimeout: PATIENCE_MS,
    bodyTimeout: PATIENCE_MS,
  });
  try {
    return await errorOf(
      undiciRequest(url, { method: "POST", body: BODY, dispatcher, signal }).then((response) =>
        response.body.text(),
      ),
    );
  } finally {
    await dispatcher.destroy();
  }
};

export const CLIENTS: Readonly<Record<string, Client>> = {
  "node:http": nodeHttp,
  fetch: globalFetch,
  undici,
};
