import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Killer } from "./kill-points.ts";

/** A thread that is ready to kill its own process. */
export async function startKiller(): Promise<Killer> {
  const shared = new SharedArrayBuffer(8);
  const thread = new Worker(new URL("./killer-thread.ts", import.meta.url), { workerData: shared });
  await once(thread, "message");
  thread.unref();
  const order = new Int32Array(shared);
  return {
    in(ms) {
      // In microseconds and never zero, which is what the thread waits to see changed.
      Atomics.store(order, 0, Math.max(1, Math.round(ms * 1_000)));
      Atomics.notify(order, 0);
    },
  };
}
