import { effect, reserve, settle, type Work } from "./parts.ts";

type Handle = (work: Work) => Promise<unknown>;

/** A handler that a later release has changed, and both as that release knows them. */
export interface Released {
  readonly first: Handle;
  readonly second: Handle;
}

async function checkout(work: Work, steps: readonly string[]): Promise<unknown> {
  const { id } = await reserve(work);
  work.hands.mood("reserved", work.label);
  for (const step of steps) await work.op.external(step, effect(work, step));
  work.hands.mood("charged", work.label);
  return settle(work, id, "paid");
}

/** Workloads whose handlers differ between two releases that run side by side. */
export const RELEASED: Readonly<Record<string, Released>> = {
  /** The second release has renamed the step. */
  released: {
    first: (work) => checkout(work, ["charge"]),
    second: (work) => checkout(work, ["card charge"]),
  },
};
