import type { Once } from "../../core/once.ts";
import type { OutgoingMessage, Send, Sender } from "../../core/outbox/relay.ts";
import type { MaybePromise } from "../../model/answer.ts";
import type { MemoryTransaction } from "../../stores/memory/store.ts";

type MemoryOnce = Once<MemoryTransaction, "async">;

/** Hears that a handler begins. @returns what is called when it has ended */
type Begins = (label: string) => () => void;

/** The part of an operation that names it. */
interface Named {
  readonly scope: string;
  readonly key: string;
}

/** The same house, in which every handler is seen to begin and to end. */
export function watchedOnce(
  once: MemoryOnce,
  begins: Begins,
  relays: (topic: string) => void,
): MemoryOnce {
  const watched = <Options extends { readonly handler: unknown }>(
    name: string,
    options: Options,
  ): Options => ({ ...options, handler: watch(begins, name, options.handler as Handler) });
  // A plan begins and ends at once, so that nobody can see it under way.
  const atomic = (name: string, options: { readonly handler?: unknown }): never =>
    once.atomic(
      name,
      ("plan" in options ? options : watched(name, options as { handler: unknown })) as never,
    ) as never;
  return {
    ...once,
    operation: (name, options) => once.operation(name, watched(name, options)),
    atomic,
    relay(topic, send, options) {
      relays(topic);
      once.relay(topic, watchSend(begins, topic, send), options);
    },
    // The scheduler decides when a worker passes; a loop would never come to rest.
    worker: { ...once.worker, start: () => undefined },
  };
}

type Handler = (op: Named, input: unknown) => MaybePromise<unknown>;

function watch(begins: Begins, name: string, handler: Handler): Handler {
  return (op, input) => seen(begins(`${name} ${op.scope}/${op.key}`), () => handler(op, input));
}

function watchSend(begins: Begins, topic: string, send: Send | Sender): Send | Sender {
  if (typeof send !== "function") return { ...send, send: watchOne(begins, topic, send.send) };
  return watchOne(begins, topic, send);
}

function watchOne(begins: Begins, topic: string, send: Send): Send {
  return (message: OutgoingMessage) =>
    seen(begins(`the message ${topic} ${message.key}`), () => send(message));
}

async function seen<T>(ends: () => void, run: () => MaybePromise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    ends();
  }
}
