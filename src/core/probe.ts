import { backoffMs } from "../model/backoff.ts";
import { NevertwiceError } from "../model/errors.ts";
import { holderOf } from "../model/operation.ts";
import type { Outcome } from "../model/outcome.ts";
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
  const found = await ask(ports, definition, snapshot);
  if (found === "not-executed" && opaque)
    // Another may have taken over while the probe was asked, and been told the same.
    return adopt(ports, definition, snapshot, opaque, ports.clock.monotonic() - start);
  if (typeof found === "object") {
    const written = await within(
      ports,
      ports.store.settle(holder, toSettlement(ports, record.id, found, [])),
    );
    if (written.kind === "ok" && written.value === "done") return toPerformed(found);
    return "stale";
  }
  const dueInMs = backoffMs(record.attempts, ports.random.fraction(), ports.settings.backoff);
  const free = found === "not-executed";
  const suspension: Suspension = free
    ? { state: "waiting", dueInMs: 0, countAttempt: false }
    : { state: "in_doubt", doubt: "effect-unknown", dueInMs, countAttempt: true };
  await within(ports, ports.store.suspend(holder, suspension));
  return free ? refuse("retry-scheduled", 0) : refuse("in-doubt", dueInMs);
}

/** A probe that throws, or takes longer than the claim lasts, has found out nothing. */
async function ask(
  ports: Ports,
  { afterCrash, name }: Definition,
  { record }: Snapshot,
): Promise<Found> {
  if (typeof afterCrash === "string" || record.request === undefined) return "unknown";
  const { scope, key } = record.request;
  const asked = (async () => understand(await afterCrash({ scope, key })))();
  return new Promise((resolve) => {
    const cancel = ports.clock.timer(ports.settings.leaseMs, () => resolve("unknown"));
    const failed = (error: unknown): void => {
      const { id, fence } = record;
      ports.events.emit({ type: "attempt.failed", id, name, fence, error });
      resolve("unknown");
    };
    asked.then(resolve, failed).finally(cancel);
  });
}

type Found = "not-executed" | "unknown" | Outcome;

/** What cannot be an outcome is no finding. @throws option-invalid, not-json */
function understand(answer: ProbeAnswer): Found {
  if (answer === "not-executed" || answer === "unknown") return answer;
  if (typeof answer !== "object" || answer === null || !("outcome" in answer))
    throw new NevertwiceError(
      "option-invalid",
      'A probe answers "not-executed", "unknown" or { outcome }.',
    );
  const { verdict, outcome } = judge(answer.outcome);
  return verdict === "settle" ? outcome : "unknown";
}
