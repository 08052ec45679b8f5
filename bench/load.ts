import { Agent, request } from "node:http";

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly concurrency: number;
  readonly requests: number;
}

export interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Sends so many first-time requests, each with a key of its own, and says how fast they were
 * answered.
 */
export async function press(
  { port, path, concurrency, requests }: Load,
  label: string,
): Promise<Figures> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const times: number[] = [];
  let sent = 0;
  const start = performance.now();
  const client = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1;
      const key = `${label}-${sent}-key-of-36-characters-in-all`;
      const from = performance.now();
      const status = await post(agent, port, path, key);
      if (status !== 201) throw new Error(`${path} answered ${status}`);
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  const elapsed = performance.now() - start;
  agent.destroy();
  times.sort((one, other) => one - other);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { perSecond: (times.length * 1_000) / elapsed, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const BODY = JSON.stringify({
  cartId: "cart-1234567890",
  amount: 1999,
  currency: "eur",
  note: "bench",
});

function post(agent: Agent, port: number, path: string, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(BODY),
      "idempotency-key": key,
    };
    const outgoing = request(
      { agent, port, path, host: "127.0.0.1", method: "POST", headers },
      (incoming) => {
        incoming.resume();
        incoming.on("end", () => resolve(incoming.statusCode ?? 0));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(BODY);
  });
}
