import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { OutgoingMessage } from "../../src/core/outbox/relay.ts";
import { type Clock, systemClock } from "../../src/model/clock.ts";

export interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly url: string | undefined;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
}

/** A server on this machine that keeps what it was sent. */
export async function receiver(
  context: TestContext,
  answer: (response: ServerResponse, count: number) => unknown,
  secure?: { readonly key: string; readonly cert: string },
): Promise<Receiver> {
  const received: Received[] = [];
  const listen = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { headers, url } = request;
    received.push({ headers, url, body: await text(request) });
    await answer(response, received.length);
  };
  const server = secure ? createSecureServer(secure, listen) : createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hooks`, port, received };
}

/** A message as the core would hand it to its relay. */
export function outgoing(given: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    ...{ id: "8c6a3c1e-30d5-8d8d-9b2f-6f2b7a3a9f10", topic: "order.paid", key: "order:1" },
    ...{ aggregate: undefined, sequence: 7, payload: { order: 1 } },
    ...{ stagedAt: 1_700_000_000_000, attempt: 1, signal: new AbortController().signal },
    ...given,
  };
}

export interface ManualClock extends Clock {
  /** Fires the timers of that length that nobody has taken back. */
  fire(ms: number): number;
}

/** Real time, but timers that fire by hand. */
export function manualClock(): ManualClock {
  const timers = new Set<{ readonly ms: number; readonly fire: () => void }>();
  return {
    ...systemClock,
    timer(ms, fire) {
      const timer = { ms, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    fire(ms) {
      const due = [...timers].filter((timer) => timer.ms === ms);
      for (const timer of due) {
        timers.delete(timer);
        timer.fire();
      }
      return due.length;
    },
  };
}
