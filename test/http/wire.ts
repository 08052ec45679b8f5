import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from "node:http";
import { connect } from "node:net";

/** What a case sends. */
export interface Sending {
  readonly method?: string;
  /** A list of values is sent as that many header lines. */
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

/** What came back, undecoded. */
export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request under way, which a client may give up. */
export interface UnderWay {
  readonly answer: Promise<Received>;
  disconnect(): void;
}

/** Sends over a connection of its own, without anything that a friendlier client adds. */
export function begin(url: string, sending: Sending = {}): UnderWay {
  const { method = "POST", headers = {}, body } = sending;
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  const outgoing = request(url, { method, agent: false, headers: { ...length, ...headers } });
  outgoing.end(body);
  return { answer: receive(outgoing), disconnect: () => void outgoing.destroy() };
}

export function send(url: string, sending: Sending = {}): Promise<Received> {
  return begin(url, sending).answer;
}

function receive(outgoing: ClientRequest): Promise<Received> {
  return new Promise((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming: IncomingMessage) => {
      const chunks: Buffer[] = [];
      incoming.on("error", reject);
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const { statusCode: status = 0, headers } = incoming;
        resolve({ status, headers, body: Buffer.concat(chunks) });
      });
    });
  });
}

/** Writes bytes that no HTTP client would send, and gives whatever comes back. */
export function sendRaw(url: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.end(Buffer.from(bytes, "latin1"));
  });
}

export function jsonOf(received: Received): Record<string, unknown> {
  return JSON.parse(received.body.toString("utf8")) as Record<string, unknown>;
}
