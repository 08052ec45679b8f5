import type { Clock } from "../../model/clock.ts";

/** A process that can die: what an earlier generation still asks for is never answered. */
export interface Node {
  readonly name: string;
  generation: number;
  /** A paused node neither runs timers nor hears answers before this time. */
  heldUntil: number;
  /** The store cannot be reached from here before this time. */
  outUntil: number;
  /** How far its wall clock is ahead, in milliseconds. */
  skewMs: number;
  /** Rejects when the present generation dies. */
  death: Promise<never>;
  /** Kills the present generation and starts the next one. */
  crash: () => void;
}

export const never: Promise<never> = new Promise<never>(() => {});

export function createNode(name: string): Node {
  const still = { generation: 0, heldUntil: 0, outUntil: 0, skewMs: 0 };
  return { name, ...still, death: never, crash: () => undefined };
}

/** Lets the present generation live; what it returns ends it. */
export function live(node: Node): () => void {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  node.death = promise;
  return () => {
    node.generation += 1;
    node.heldUntil = 0;
    node.outUntil = 0;
    reject(new Error("The process has died."));
  };
}

/** Whether the generation that asks is still the living one. */
export function aliveOf(node: Node): () => boolean {
  const { generation } = node;
  return () => node.generation === generation;
}

/** What a clock of a process is made of. */
export interface Time {
  now(): number;
  /** @returns what takes the timer away again */
  timer(node: Node | undefined, at: number, fire: () => void): () => void;
}

/** The clocks of one generation of a process, in virtual time. */
export function clockOf(time: Time, node: Node): Clock {
  const alive = aliveOf(node);
  const start = time.now();
  return {
    wall: () => time.now() + node.skewMs,
    monotonic: () => time.now() - start,
    timer: (ms, fire) => (alive() ? time.timer(node, time.now() + ms, fire) : () => undefined),
    sleep(ms, signal) {
      if (!alive()) return never;
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          signal?.removeEventListener("abort", stop);
          resolve();
        };
        const cancel = time.timer(node, time.now() + ms, done);
        const stop = (): void => {
          cancel();
          resolve();
        };
        signal?.addEventListener("abort", stop, { once: true });
      });
    },
  };
}
