import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Running } from "./child-process.ts";

export type WebHandler = (request: Request) => Promise<Response>;

export interface ServeOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
}

/** A request body of the shop has at most so many bytes. */
const BODY_MAX: number = 64 * 1024;

/** Serves a web-standard handler on node:http. Rejects if the port cannot be had. */
export async function serve(handler: WebHandler, options: ServeOptions): Promise<Running> {
  const server = createServer((incoming, outgoing) => {
    // A page that polls would otherwise keep a closing server open.
    outgoing.once("prefinish", () => {
      if (!server.listening) outgoing.once("finish", () => incoming.socket.end());
    });
    exchange(handler, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await listen(server, options);
  return {
    url: `http://${options.host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

function listen(server: Server, { port, host }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
}

async function exchange(
  handler: WebHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await readBody(incoming);
  const response =
    body === undefined
      ? problem(413, `A request body has at most ${BODY_MAX} bytes.`)
      : await answer(handler, incoming, body);
  const bytes = new Uint8Array(await response.arrayBuffer());
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  if (response.body !== null) outgoing.setHeader("content-length", bytes.length);
  outgoing.writeHead(response.status);
  outgoing.end(bytes);
}

async function answer(
  handler: WebHandler,
  incoming: IncomingMessage,
  body: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  try {
    return await handler(toRequest(incoming, body));
  } catch {
    // What went wrong inside is nothing that a client may read.
    return problem(500, "The shop failed. Send the same request with the same key later.");
  }
}

function toRequest(incoming: IncomingMessage, body: Uint8Array<ArrayBuffer>): Request {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  const method = incoming.method ?? "GET";
  const bodyless = method === "GET" || method === "HEAD";
  return new Request(new URL(incoming.url ?? "/", "http://shop"), {
    method,
    headers,
    ...(bodyless ? {} : { body }),
  });
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    // What comes after the limit is read and dropped, so that the client can read the refusal.
    if (length <= BODY_MAX) chunks.push(chunk);
  }
  return length > BODY_MAX ? undefined : Uint8Array.from(Buffer.concat(chunks));
}

/** An RFC 9457 problem of the shop itself. */
export function problem(status: number, title: string): Response {
  return Response.json(
    { type: "about:blank", title, status },
    { status, headers: { "content-type": "application/problem+json" } },
  );
}
