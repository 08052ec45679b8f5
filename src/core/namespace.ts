import { NevertwiceError } from "../model/errors.ts";
import { type Ports, within } from "./ports.ts";

const asserted = new WeakMap<Ports, string>();

/**
 * Compares the namespace with the one that the store remembers, once per process, so that a dump
 * of production in staging cannot send production's provider keys.
 *
 * @throws namespace-changed
 */
export async function assertNamespace(ports: Ports): Promise<void> {
  const { namespace } = ports;
  if (namespace === undefined || asserted.has(ports)) return;
  const answer = await within(ports, ports.store.namespace(namespace));
  // The claim will meet the same outage and tell it as such.
  if (answer.kind !== "ok") return;
  if (answer.value !== namespace) {
    throw new NevertwiceError(
      "namespace-changed",
      `It is "${answer.value}" in the store and "${namespace}" here.`,
    );
  }
  asserted.set(ports, namespace);
}
