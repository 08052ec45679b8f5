import { connect, createServer, type Socket } from "node:net";
import { DatabaseSync } from "node:sqlite";
import type { Outage } from "./ground.ts";

/** Another process that holds the file's one write lock. */
export async function lockedFile(file: string): Promise<Outage> {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  return {
    db: file,
    begin: async () => db.exec("BEGIN IMMEDIATE"),
    end: async () => db.exec("ROLLBACK"),
    close: async () => db.close(),
  };
}

/** A network that carries nothing and says nothing, as a dropped route does. */
export async function frozenNetwork(url: string): Promise<Outage> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let frozen = false;
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        client.destroy();
        server.destroy();
        sockets.delete(socket);
      });
    }
    client.pipe(server);
    server.pipe(client);
    if (frozen) for (const socket of [client, server]) socket.pause();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  const through = new URL(url);
  through.port = String(typeof address === "object" ? address?.port : "");
  return {
    db: through.href,
    async begin() {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    async end() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
