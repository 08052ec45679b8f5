import type { ServerResponse } from "node:http";

/** What a listener for the end of a response listens to. */
const ENDINGS = ["finish", "close"] as const;
type Ending = (typeof ENDINGS)[number];
type Listener = (...values: unknown[]) => void;

/** The methods that handlers find in place of the response's own. */
const METHODS = ["write", "end", "writeHead", "flushHeaders", "destroy", "emit"] as const;
export type Hands = Readonly<Record<(typeof METHODS)[number], (...values: never[]) => unknown>>;

/** How the response looks to its handlers. */
export interface View {
  readonly state: "open" | "ended" | "failed";
}

/**
 * The parts of a response that are replaced, all of them plain data. `headersSent` is whether there
 * is a `_header`, and `writableEnded` is `finished`.
 */
interface Target extends Record<(typeof METHODS)[number], unknown> {
  _header: string | null;
  finished: boolean;
  destroyed: boolean;
  _closed: boolean;
  socket: unknown;
}

/** A response as it was before its parts were replaced. */
export interface Before {
  readonly hands: Hands;
  readonly header: string | null;
  readonly socket: unknown;
  /** Who listened for its end. */
  readonly listeners: Readonly<Record<Ending, readonly unknown[]>>;
}

export function remember(response: ServerResponse): Before {
  const target = response as unknown as Target;
  return {
    hands: pick(target as unknown as Hands),
    header: target._header,
    socket: target.socket,
    listeners: {
      finish: response.rawListeners("finish"),
      close: response.rawListeners("close"),
    },
  };
}

/**
 * Puts other hands on a response, one set for all, bound to the view of each. All of it is
 * assignment: a deleted or redefined property makes all that Node does afterwards slow.
 */
export function override(response: ServerResponse, hands: Hands, view: View): void {
  const target = response as unknown as Target;
  target.write = hands.write.bind(view as never);
  target.end = hands.end.bind(view as never);
  target.writeHead = hands.writeHead.bind(view as never);
  target.flushHeaders = hands.flushHeaders.bind(view as never);
  target.destroy = hands.destroy.bind(view as never);
  target.emit = hands.emit.bind(view as never);
  // Whoever watches the socket would take the client's leaving for the end of the response.
  target.socket = null;
}

function pick({ write, end, writeHead, flushHeaders, destroy, emit }: Hands): Hands {
  return { write, end, writeHead, flushHeaders, destroy, emit };
}

/** Makes the response look as the view says now. */
export function show(response: ServerResponse, { state }: View): void {
  const target = response as unknown as Target;
  target.finished = state === "ended";
  if (target.finished) target._header = "held back";
  target.destroyed = state === "failed";
  target._closed = target.destroyed;
}

/**
 * Gives the response its own hands back.
 *
 * @param gone whether its client has left meanwhile
 */
export function restore(response: ServerResponse, before: Before, gone: boolean): void {
  const target = response as unknown as Target;
  target.write = before.hands.write;
  target.end = before.hands.end;
  target.writeHead = before.hands.writeHead;
  target.flushHeaders = before.hands.flushHeaders;
  target.destroy = before.hands.destroy;
  target.emit = before.hands.emit;
  target._header = before.header;
  target.finished = false;
  target.destroyed = gone;
  target._closed = gone;
  // A response behind others on its connection gets its socket only when they have ended.
  target.socket ??= before.socket;
}

/** Tells those who came since of an end, once; those from before hear of the connection's own. */
export function tellSince(
  response: ServerResponse,
  { listeners }: Before,
  endings: readonly Ending[] = ENDINGS,
): void {
  for (const ending of endings) {
    const earlier = listeners[ending];
    for (const one of response.rawListeners(ending) as Listener[]) {
      if (earlier.includes(one)) continue;
      response.off(ending, one);
      one.call(response);
    }
  }
}

/** Tells those who were there before that the connection has closed. */
export function tellEarlier(response: ServerResponse, { listeners }: Before): void {
  for (const one of listeners.close) (one as Listener).call(response);
}
