import type { Answer } from "../../store.ts";

/** An answer of memory is always known: what throws has changed nothing, and would throw again. */
export function attempt<T>(work: () => T): Answer<T> {
  try {
    return { kind: "ok", value: work() };
  } catch (error) {
    return { kind: "not-applied", error, again: false };
  }
}

export async function attemptLater<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: "ok", value: await work() };
  } catch (error) {
    return { kind: "not-applied", error, again: false };
  }
}
