import { once } from "node:events";
import type { AddressInfo, Server as NetServer } from "node:net";
import type { Server } from "./suite.ts";

interface Closable extends NetServer {
  closeAllConnections?(): void;
}

/** Puts a server on a free port of the loopback. */
export async function listen(server: Closable): Promise<Server> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections?.();
      }),
  };
}
