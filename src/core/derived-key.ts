import { NevertwiceError } from "../model/errors.ts";
import { providerKey } from "../model/provider-key.ts";
import type { Run } from "./run.ts";

/** The provider key of a step. @throws namespace-missing */
export function keyOf(
  run: Pick<Run, "ports" | "record">,
  step: string,
  generation = 0,
  required = true,
): string {
  const { ports, record } = run;
  const { namespace } = ports;
  if (namespace === undefined && required) throw new NevertwiceError("namespace-missing");
  const { origin, scope, key } = record.request ?? { origin: "own", scope: "", key: record.id };
  return providerKey({
    namespace: namespace ?? "",
    origin,
    scope,
    operation: record.name,
    key,
    step,
    generation,
  });
}
