import type { Answer } from "../../store.ts";

/** An argument that cannot be sent was not applied. */
export async function guarded<T>(call: () => Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await call();
  } catch (error) {
    return { kind: "not-applied", error, again: false };
  }
}

/** The same answer with another value. */
export function changed<A, B>(answer: Answer<A>, change: (value: A) => B): Answer<B> {
  return answer.kind === "ok" ? { kind: "ok", value: change(answer.value) } : answer;
}
