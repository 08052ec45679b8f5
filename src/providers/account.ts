import { NevertwiceError } from "../model/errors.ts";
import type { Target } from "../model/step.ts";
import type { ProviderFacts } from "./facts.ts";
import { present } from "./sdk-answer.ts";
import type { Patience } from "./sdk-call.ts";

/** The options of an adapter whose SDK does not tell where its keys count. */
export interface AccountOptions extends Patience {
  /** The account that the keys belong to; a later attempt that names another parks. */
  readonly account: string;
}

type Place = Pick<Target, "account" | "region">;

/**
 * Makes the targets of a provider's effects.
 *
 * @param needed without which a key means nothing
 * @throws option-invalid without one of them
 */
export function targetsOf(
  { provider }: Pick<ProviderFacts, "provider">,
  place: Place,
  needed: readonly (keyof Place)[] = ["account"],
): (kind: string) => Target {
  if (needed.some((part) => !place?.[part])) {
    const detail = `The keys of ${provider} count within one ${needed.join(" and ")}: name it.`;
    throw new NevertwiceError("option-invalid", detail);
  }
  const { account, region } = place;
  return (kind) => present({ provider, kind, account, region });
}
