import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ProviderFacts } from "../../src/providers/facts.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "src", "providers");

/** The facts of every adapter, by name. */
export async function allFacts(): Promise<ProviderFacts[]> {
  const modules = await Promise.all(
    readdirSync(FOLDER).map((name) => import(join(FOLDER, name)) as Promise<object>),
  );
  const facts = modules.flatMap((module) =>
    Object.entries(module)
      .filter(([name]) => name.endsWith("_FACTS"))
      .map(([, value]) => value as ProviderFacts),
  );
  return facts.toSorted((one, other) => (one.provider < other.provider ? -1 : 1));
}

/** The row of the table that docs/guides/providers.md has of a provider. */
export function rowOf(facts: ProviderFacts): string {
  const { provider, carrier, lengths, keptForMs, stores, replays, replay, lookUp } = facts;
  const cells = [
    `\`${provider}\``,
    carrier === undefined ? "no keys" : `${carrier.in} \`${carrier.name}\``,
    carrier === undefined ? "" : `${lengths[0]} to ${lengths[1]}`,
    carrier === undefined ? "" : timeOf(keptForMs),
    stores,
    replays,
    replay.afterNoAnswer,
    replay.afterFailure,
    lookUp === undefined ? "nothing" : `${lookUp.by} (${timeOf(lookUp.lagMs)})`,
    facts.cancelByKey ? "yes" : "no",
  ];
  return `| ${cells.join(" | ")} |`;
}

function timeOf(ms: number | undefined): string {
  if (ms === undefined) return "not published";
  const hours = ms / 3_600_000;
  if (hours >= 48) return `${hours / 24} days`;
  return hours >= 1 ? `${hours} h` : `${ms / 60_000} min`;
}
