import { backoffMs } from "../model/backoff.ts";
import { holderOf } from "../model/operation.ts";
import type { Snapshot, Suspension } from "../store.ts";
import { adopt } from "./adopt.ts";
import type { OpaqueHandler } from "./attempt.ts";
import type { Definition, ProbeAnswer } from "./definition.ts";
import { type AttemptEnd, refuse } from "./performed.ts";
import { type Ports, within } from "./ports.ts";
import { judge, toPerformed, toSettlement } from "./settlement.ts";

/**
 * Asks the mount's probe what a lost run of a wrapped handler did, and acts on a definite answer
 * only.
 */
export async function probeOperation(
  ports: Ports,
  definition: Definition,
  snapshot: Snapshot,
  opaque: OpaqueHandler | undefined,
): Promise<AttemptEnd> {
  const { record } = snapshot;
  const holder = holderOf(record);
  const start = ports.clock.monotonic();
  const answer = await ask(ports, definition, snapshot);
  if (answer === "not-executed" && opaque)
    // Another may have taken over while the probe was asked, and been told the same.
    return adopt(ports, definition, snapshot, opaque, ports.clock.monotonic() - start);
  if (typeof answer === "object") {
    const { verdict, outcome } = judge(answer.outcome);
    if (verdict === "settle") {
      const written = await within(
        ports,
        ports.store.settle(holder, toSettlement(ports, record.id, outcome, [])),
      );
      if (written.kind === "ok" && written.value === "done") return toPerformed(outcome);
      return "stale";
    }
  }
  const dueInMs = backoffMs(record.attempts, ports.random.fraction(), ports.settings.backoff);
  const free = answer === "not-executed";
  const suspension: Suspension = free
    ? { state: "waiting", dueInMs: 0, countAttempt: false }
    : { state: "in_doubt", doubt: "effect-unknown", dueInMs, countAttempt: true };
  await within(ports, ports.store.suspend(holder, suspension));
  return free ? refuse("retry-scheduled", 0) : refuse("in-doubt", dueInMs);
}

/** A probe that throws, or takes longer than the claim lasts, has found out nothing. */
async function ask(
  ports: Ports,
  definition: Definition,
  { record }: Snapshot,
): Promise<ProbeAnswer> {
  const { afterCrash } = definition;
  if (typeof afterCrash === "string" || record.request === undefined) return "unknown";
  const { scope, key } = record.request;
  const asked = (async () => afterCrash({ scope, key }))();
  return new Promise((resolve) => {
    const unknown = (): void => resolve("unknown");
    const cancel = ports.clock.timer(ports.settings.leaseMs, unknown);
    asked.then(resolve, unknown).finally(cancel);
  });
}
