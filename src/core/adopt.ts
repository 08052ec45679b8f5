import { holderOf } from "../model/operation.ts";
import type { Snapshot } from "../store.ts";
import { type OpaqueHandler, runAttempt } from "./attempt.ts";
import type { Definition } from "./definition.ts";
import { type AttemptEnd, refuse } from "./performed.ts";
import { type Ports, within } from "./ports.ts";

/**
 * Runs under a claim that was made some time ago: its answer was lost, or a probe was asked
 * meanwhile. The lease is renewed first, so that a claim that another has taken over runs nothing.
 *
 * @param elapsedMs how long ago the snapshot was read, where that is known
 */
export async function adopt(
  ports: Ports,
  definition: Definition,
  { record, now }: Snapshot,
  opaque: OpaqueHandler | undefined,
  elapsedMs = 0,
): Promise<AttemptEnd> {
  const { leaseMs } = ports.settings;
  const answer = await within(ports, ports.store.renew(holderOf(record), leaseMs));
  if (answer.kind !== "ok") return refuse("store-unavailable", 1_000, answer.error);
  if (answer.value !== "done") return "stale";
  const later = now + elapsedMs;
  // Whoever keeps the lease never does so beyond `runUntil`.
  const renewed = { ...record, leaseUntil: later + leaseMs };
  return runAttempt(ports, definition, { record: renewed, now: later }, opaque);
}
