import { CLOCK_MARGIN_MS } from "../model/clock.ts";
import type { Answer } from "../store.ts";
import { type Effect, KEPT_FOR_MS_DEFAULT } from "./effect.ts";
import { type Ports, within } from "./ports.ts";
import { type Run, suspend } from "./run.ts";

/**
 * Whether an earlier send of the step may have been lost together with the commit that told of it:
 * a failover or a restore took the newest commits away, and the operation is so old that its
 * provider may have forgotten the key. While it remembers, the derived key says all. A step that
 * was begun since tells nothing: its own deadline counts from a later send than the forgotten one.
 *
 * @returns why the step must be resolved before it is sent
 */
export async function lostSend(
  run: Run,
  effect: Pick<Effect<unknown, unknown>, "keyed" | "keptForMs">,
): Promise<Error | undefined> {
  const { ports, record } = run;
  const keyed = effect.keyed !== false;
  const keptForMs = keyed ? (effect.keptForMs ?? KEPT_FOR_MS_DEFAULT) : 0;
  const age = run.databaseNow() - record.createdAt;
  if (age < keptForMs - CLOCK_MARGIN_MS) return undefined;
  // Without keys a younger one is no better, but a first claim seldom has anything behind it; a
  // reopening begins the count of attempts anew, and never that of claims.
  if (!keyed && record.fence === 1) return undefined;
  const answer = await lineageChange(ports);
  // Nothing was sent yet, and a later attempt may learn more.
  if (answer.kind !== "ok") return suspend(run, answer.error, undefined);
  const changedAt = answer.value;
  if (changedAt === undefined || changedAt <= record.createdAt) return undefined;
  return new Error("The database lost its newest commits; an earlier send may be among them.");
}

/**
 * When the database noticed that its newest commits may be lost, in milliseconds since the epoch;
 * undefined if it did not, or cannot.
 */
export async function lineageChange(ports: Ports): Promise<Answer<number | undefined>> {
  if (ports.store.lineage === undefined) return { kind: "ok", value: undefined };
  const answer = await within(ports, ports.store.lineage());
  return answer.kind === "ok" ? { kind: "ok", value: answer.value.changedAt } : answer;
}
