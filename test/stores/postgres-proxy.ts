import { connect, createServer, type Socket } from "node:net";

/** What happens to the server's answer once a client's bytes held the armed text. */
export type Fault = "reset" | "swallow";

export interface LossyProxy {
  readonly url: string;
  /** The next request that holds the text reaches the server; its answer does not come back. */
  arm(text: string, fault: Fault): void;
  close(): Promise<void>;
}

/** A TCP proxy before the server that loses answers, as a network does. */
export function openProxy(url: string): Promise<LossyProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let armed: { text: string; fault: Fault } | undefined;
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    let fault: Fault | undefined;
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (chunk) => {
      if (armed !== undefined && chunk.includes(armed.text)) {
        fault = armed.fault;
        armed = undefined;
      }
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (fault === "reset") client.resetAndDestroy();
      else if (fault === undefined) client.write(chunk);
    });
  });
  return new Promise((resolve) => {
    proxy.listen(0, "127.0.0.1", () => {
      const address = proxy.address();
      const through = new URL(url);
      through.port = String(typeof address === "object" ? address?.port : "");
      resolve({
        url: through.href,
        arm: (text, fault) => {
          armed = { text, fault };
        },
        close: () =>
          new Promise((done) => {
            for (const socket of sockets) socket.destroy();
            proxy.close(() => done());
          }),
      });
    });
  });
}
