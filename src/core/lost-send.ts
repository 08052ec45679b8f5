import { CLOCK_MARGIN_MS } from "../model/clock.ts";
import { type Effect, KEPT_FOR_MS_DEFAULT } from "./effect.ts";
import { within } from "./ports.ts";
import { type Run, suspend } from "./run.ts";

/**
 * Whether an earlier first send of the step may have been lost together with the commit that told
 * of it: a failover or a restore took the newest commits away, and the operation is so old that its
 * provider may have forgotten the key. While it remembers, the derived key says all.
 *
 * @returns why the step must be resolved before it is sent
 */
export async function lostSend(
  run: Run,
  effect: Effect<unknown, unknown>,
): Promise<Error | undefined> {
  const { ports, record } = run;
  const keptForMs = effect.keyed === false ? 0 : (effect.keptForMs ?? KEPT_FOR_MS_DEFAULT);
  const age = run.databaseNow() - record.createdAt;
  // Without keys a younger one is no better, but a first claim has nothing behind it; a reopening
  // begins the count of attempts anew, and never that of claims.
  if (age < keptForMs - CLOCK_MARGIN_MS || record.fence === 1) return undefined;
  if (ports.store.lineage === undefined) return undefined;
  const answer = await within(ports, ports.store.lineage());
  // Nothing was sent yet, and a later attempt may learn more.
  if (answer.kind !== "ok") return suspend(run, answer.error, undefined);
  const { changedAt } = answer.value;
  if (changedAt === undefined || changedAt <= record.createdAt) return undefined;
  return new Error("The database lost its newest commits; an earlier send may be among them.");
}
