import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** The one address under which a provider knows a shop of many processes. */
export interface Door {
  readonly url: string;
  close(): Promise<void>;
}

/** Passes what comes on to one of the shops in turn; one that dies has not answered. */
export async function openDoor(urls: () => readonly string[]): Promise<Door> {
  let passed = 0;
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    passed += 1;
    const shops = urls();
    const shop = shops[passed % shops.length];
    const { method = "POST", headers } = request;
    const told = Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name));
    const body = await buffer(request);
    const answer = await fetch(new URL(request.url ?? "/", shop), {
      method,
      headers: Object.fromEntries(told.map(([name, value]) => [name, String(value)])),
      body: body as Uint8Array<ArrayBuffer>,
    });
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** They belong to one connection, and the next one has its own. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"],
]);
