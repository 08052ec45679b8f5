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

/** Puts properties over those of the response. What the server sets meanwhile is kept for later. */
export function override(response: ServerResponse, over: PropertyDescriptorMap): () => void {
  const target = response as unknown as Record<string, unknown>;
  const undo = Object.entries(over).map(([name, descriptor]) => {
    const own = Object.getOwnPropertyDescriptor(target, name);
    let value: unknown = own?.value;
    const set = (given: unknown): void => {
      value = given;
    };
    const kept = "get" in descriptor ? { ...descriptor, set } : { ...descriptor, writable: true };
    Object.defineProperty(target, name, { ...kept, configurable: true });
    return () => {
      if (own) Object.defineProperty(target, name, "value" in own ? { ...own, value } : own);
      else delete target[name];
    };
  });
  return () => {
    for (const one of undo) one();
  };
}
