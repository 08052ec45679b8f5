import type { Node } from "./scheduler.ts";

/** What is told to whoever is dead. */
export const never: Promise<never> = new Promise<never>(() => {});

/** Whether the generation that asks is still the living one. */
export function aliveOf(node: Node): () => boolean {
  const { generation } = node;
  return () => node.generation === generation;
}
