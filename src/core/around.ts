import type { Answer, MaybePromise } from "../store.ts";
import { type Ports, within } from "./ports.ts";

/** Runs the user's part of a call of the store, which the store's time does not pay for. */
export type Around = <T>(work: () => MaybePromise<T>) => MaybePromise<T>;

/**
 * `within` for a call that runs a callback of the user's: the store's time begins when it is called
 * and again when the callback has ended; the whole may take `runForMs`.
 */
export async function withinAround<T>(
  { clock, settings }: Pick<Ports, "clock" | "settings">,
  call: (around: Around) => Promise<Answer<T>>,
): Promise<Answer<T>> {
  const { storeTimeoutMs, runForMs } = settings;
  const late = Promise.withResolvers<Answer<T>>();
  const fire = (): void => {
    const error = new Error(`The store did not answer within ${storeTimeoutMs} ms.`);
    late.resolve({ kind: "not-known", error });
  };
  let cancel = clock.timer(storeTimeoutMs, fire);
  const owe = (): void => {
    cancel = clock.timer(storeTimeoutMs, fire);
  };
  const around: Around = (work) => {
    cancel();
    return withEnd(work, owe);
  };
  try {
    return await within({ clock, settings }, Promise.race([call(around), late.promise]), runForMs);
  } finally {
    cancel();
  }
}

function withEnd<T>(work: () => MaybePromise<T>, end: () => void): MaybePromise<T> {
  let returned: MaybePromise<T> | undefined;
  try {
    returned = work();
    if (!(returned instanceof Promise)) return returned;
  } finally {
    if (!(returned instanceof Promise)) end();
  }
  const ended = returned.finally(end);
  // A store with synchronous callbacks refuses the promise; its failure must not end the process.
  ended.catch(() => undefined);
  return ended;
}
