import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type Direction, framing, typeOf, type WireFault } from "./postgres-wire.ts";

/** What happens to the server's answer once a client's message held the armed text. */
export type Fault = "reset" | "swallow";

/** Which message of a call the fault meets: the index counts from 0 in its direction. */
export interface Spot {
  readonly direction: Direction;
  readonly index: number;
  readonly fault: WireFault;
}

/** The messages since `watch`, and what became of its spot. */
export interface Watch {
  /** One letter a message, in order. */
  readonly types: Readonly<Record<Direction, string>>;
  /** The port that the broken connection's backend sees; undefined if nothing was broken. */
  readonly port: number | undefined;
  /** Passes on what is late, and ends the broken connection; nothing is counted any more. */
  end(): Promise<void>;
}

export interface LossyProxy {
  readonly url: string;
  /** The next request that holds the text reaches the server; its answer does not come back. */
  arm(text: string, fault: Fault): void;
  /** Counts messages from now on, and breaks the connection at the spot. */
  watch(spot?: Spot): Watch;
  close(): Promise<void>;
}

const DELAY_MS = 30;

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  /** What is not passed on: for a while, or until the watch ends. */
  held: { readonly request: Buffer[]; readonly answer: Buffer[] } | undefined;
  /** Nothing passes a cut line. */
  cut: boolean;
  /** Of the armed text. */
  fault: Fault | undefined;
}

interface Watching {
  readonly spot: Spot | undefined;
  readonly types: Record<Direction, string>;
  broken: { readonly line: Line; readonly port: number | undefined } | undefined;
}

/** A TCP proxy before the server that knows the messages, and loses them as a network does. */
export async function openProxy(url: string): Promise<LossyProxy> {
  const target = new URL(url);
  const lines = new Set<Line>();
  let armed: { text: string; fault: Fault } | undefined;
  let watching: Watching | undefined;

  const meet = (line: Line, direction: Direction, message: Buffer): void => {
    if (direction === "request" && armed !== undefined && message.includes(armed.text)) {
      line.fault = armed.fault;
      armed = undefined;
    } else if (direction === "answer" && line.fault !== undefined) {
      if (line.fault === "reset") line.client.resetAndDestroy();
      return;
    }
    const fault = watching && count(watching, direction, message);
    if (fault === undefined || watching === undefined) {
      pass(line, direction, message);
      return;
    }
    watching.broken = { line, port: line.server.localPort };
    strike(line, direction, message, fault);
  };

  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    const line: Line = { client, server, held: undefined, cut: false, fault: undefined };
    lines.add(line);
    const ends = { request: client, answer: server };
    for (const direction of ["request", "answer"] as const) {
      const socket = ends[direction];
      // Whole packets would hide what lies between two messages.
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on(
        "data",
        framing(direction, (message) => meet(line, direction, message)),
      );
    }
    client.on("close", () => {
      // A network that swallows everything swallows the farewell.
      if (line.held === undefined) server.end();
    });
    server.on("close", () => {
      lines.delete(line);
      if (line.held === undefined) client.end();
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  const through = new URL(url);
  through.port = String(typeof address === "object" ? address?.port : "");
  return {
    url: through.href,
    arm: (text, fault) => {
      armed = { text, fault };
    },
    watch(spot) {
      const own: Watching = { spot, types: { request: "", answer: "" }, broken: undefined };
      watching = own;
      return {
        types: own.types,
        get port() {
          return own.broken?.port;
        },
        async end() {
          if (watching === own) watching = undefined;
          if (own.broken) await heal(own.broken.line, spot?.fault === "late");
        },
      };
    },
    close: () =>
      new Promise((done) => {
        for (const { client, server } of lines) for (const end of [client, server]) end.destroy();
        proxy.close(() => done());
      }),
  };
}

/** The fault if this message is the one. */
function count(
  { spot, types, broken }: Watching,
  direction: Direction,
  message: Buffer,
): WireFault | undefined {
  const index = types[direction].length;
  types[direction] += typeOf(direction, message);
  const met = spot?.direction === direction && spot.index === index && broken === undefined;
  return met ? spot.fault : undefined;
}

function pass({ client, server, held, cut }: Line, direction: Direction, message: Buffer): void {
  if (cut) return;
  if (held !== undefined) held[direction].push(message);
  else (direction === "request" ? server : client).write(message);
}

function strike(line: Line, direction: Direction, message: Buffer, fault: WireFault): void {
  const { client, server } = line;
  if (fault === "cut before") {
    line.cut = true;
    client.resetAndDestroy();
    server.end();
  } else if (fault === "cut after") {
    pass(line, direction, message);
    line.cut = true;
    server.end();
    client.end();
  } else {
    line.held = { request: [], answer: [] };
    pass(line, direction, message);
    if (fault === "delay") setTimeout(() => flow(line), DELAY_MS);
  }
}

function flow(line: Line): void {
  const { held } = line;
  line.held = undefined;
  for (const message of held?.request ?? []) pass(line, "request", message);
  for (const message of held?.answer ?? []) pass(line, "answer", message);
}

/** The network is whole again: both ends learn of each other's end. */
async function heal(line: Line, late: boolean): Promise<void> {
  const { client, server } = line;
  if (late) flow(line);
  else line.held = undefined;
  client.destroy();
  server.end();
  if (!server.closed) await once(server, "close");
}
