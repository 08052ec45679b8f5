import type { FailedStep, Run } from "./run.ts";

/** A step as its handler holds it: it knows whether anybody asked what became of it. */
class StepPromise<T> extends Promise<T> {
  asked = false;

  /** What is derived of it is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: a promise has it, and whoever awaits calls it
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.asked = true;
    return super.then(onFulfilled, onRejected);
  }
}

/** Remembers a step under way, so that the attempt does not end before or without it. */
export function pending<T>(run: Run, step: Promise<T>): Promise<T> {
  run.pending ??= new Set();
  const { pending } = run;
  pending.add(step);
  const held = new StepPromise<T>((resolve, reject) => {
    step.then(
      (value) => {
        pending.delete(step);
        resolve(value);
      },
      (error: unknown) => {
        pending.delete(step);
        run.failed ??= [];
        run.failed.push({ held, error });
        reject(error);
      },
    );
  });
  // The attempt's end looks at it, so that nobody else has to.
  Promise.prototype.then.call(held, undefined, () => undefined);
  return held;
}

/**
 * Waits for the steps that the handler left under way.
 *
 * @returns a step that failed without the handler's knowledge: after its end, or never awaited
 */
export async function unseenFailure(run: Run): Promise<FailedStep | undefined> {
  const seen = run.failed?.length ?? 0;
  while (run.pending?.size) await Promise.allSettled([...run.pending]);
  return run.failed?.find(({ held }, index) => index >= seen || !held.asked);
}
