import type { ServerResponse } from "node:http";

/** What a listener for the end of a response listens to. */
export const ENDINGS = ["finish", "close"] as const;

export interface Listeners {
  readonly emit: (event: string, ...values: unknown[]) => boolean;
  /** Tells those that came since, once. */
  release(events: readonly (typeof ENDINGS)[number][]): void;
}

/**
 * Listeners that came since are told of an end when the handler ends its response, and of nothing
 * else; those that were there hear what happens on the connection.
 */
export function createListeners(response: ServerResponse): Listeners {
  const real = response.emit as (event: string, ...values: unknown[]) => boolean;
  const earlier = new Map(ENDINGS.map((event) => [event, new Set(response.rawListeners(event))]));
  const since = (event: (typeof ENDINGS)[number]): (() => void)[] =>
    response.rawListeners(event).filter((one) => !earlier.get(event)?.has(one)) as (() => void)[];
  return {
    emit(event, ...values) {
      if (event !== "close") return real.call(response, event, ...values);
      for (const one of earlier.get("close") ?? []) one.call(response);
      return true;
    },
    release(events) {
      for (const event of events) {
        for (const one of since(event)) {
          response.off(event, one);
          one.call(response);
        }
      }
    },
  };
}

/** The methods that handlers find in place of the response's own. */
export interface Hands {
  readonly write: unknown;
  readonly end: unknown;
  readonly writeHead: unknown;
  readonly flushHeaders: unknown;
  readonly destroy: unknown;
  readonly emit: Listeners["emit"];
}

/** How the response looks to its handlers. */
export interface View {
  readonly state: "open" | "ended" | "failed";
}

export interface Override {
  /** Makes the response look as the view says now. */
  show(): void;
  /** Gives the response its own hands back, and what the server has made of it meanwhile. */
  restore(): void;
}

const VIEW: unique symbol = Symbol("nevertwice.view");

/**
 * The parts of a response that are replaced; `finished`, `destroyed` and `_closed` are plain data.
 */
interface Target {
  [VIEW]: View | undefined;
  finished: boolean;
  destroyed: boolean;
  _closed: boolean;
  socket: unknown;
}

const METHODS = ["write", "end", "writeHead", "flushHeaders", "destroy", "emit"] as const;

/**
 * Puts other hands on a response. All of it is assignment and accessors that every response
 * shares: a property that is deleted or redefined makes an object slow for all that Node does
 * with it afterwards, which cost more than the rest of the protection.
 */
export function override(response: ServerResponse, hands: Hands, view: View): Override {
  const target = response as unknown as Target & Record<string, unknown>;
  const own = METHODS.map((name) => target[name]);
  const { socket } = target;
  let gone = false;
  const show = (): void => {
    target.finished = view.state === "ended";
    target.destroyed = view.state === "failed";
    target._closed = target.destroyed;
  };
  for (const name of METHODS) target[name] = hands[name];
  target["emit"] = (event: string, ...values: unknown[]): boolean => {
    // The server marks a response whose client has gone, and then says so.
    if (event === "close") {
      gone = true;
      show();
    }
    return hands.emit(event, ...values);
  };
  // Whoever watches the socket would take the client's leaving for the end of the response.
  target.socket = null;
  target[VIEW] = view;
  Object.defineProperty(target, "headersSent", HEADERS_SENT);
  Object.defineProperty(target, "writableEnded", WRITABLE_ENDED);
  return {
    show,
    restore() {
      for (const [index, name] of METHODS.entries()) target[name] = own[index];
      target[VIEW] = undefined;
      target.finished = false;
      target.destroyed = gone;
      target._closed = gone;
      // A response behind others on its connection gets its socket only when they have ended.
      target.socket ??= socket;
    },
  };
}

/** Whether the response has ended: for its handlers while it is held back, else for real. */
function endedUnder(name: "headersSent" | "writableEnded"): PropertyDescriptor {
  return {
    configurable: true,
    get(this: Target): unknown {
      const view = this[VIEW];
      return view ? view.state === "ended" : Reflect.get(Object.getPrototypeOf(this), name, this);
    },
  };
}

const HEADERS_SENT = endedUnder("headersSent");
const WRITABLE_ENDED = endedUnder("writableEnded");
