import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type { OperationRecord } from "../../model/operation.ts";
import type { PruneAnswer, PruneRequest } from "../../store.ts";
import type { MemoryEffects } from "./effects.ts";
import type { MemoryLedger } from "./ledger.ts";
import { tombstone } from "./writes.ts";

/** Takes the responses and requests first; only what is a tombstone can go as a whole. */
export function prune(
  ledger: MemoryLedger,
  effects: MemoryEffects,
  request: PruneRequest,
): PruneAnswer {
  const { responseMs, tombstoneMs = Number.POSITIVE_INFINITY, limit, wall } = request;
  const now = ledger.now();
  if (Math.abs(now - wall) > CLOCK_MARGIN_MS) return { kind: "clocks-disagree", now };
  const finalFor = (ms: number): OperationRecord[] =>
    ledger.all().filter(({ finalAt = now }) => now - finalAt > ms);

  const pruned = finalFor(responseMs)
    .filter((record) => record.request !== undefined)
    .slice(0, limit);
  for (const record of pruned) ledger.keep(tombstone(record));
  const gone = finalFor(tombstoneMs)
    .filter((record) => record.request === undefined)
    .slice(0, limit);
  for (const { id, steps } of gone) {
    effects.remove(id, steps);
    ledger.remove(id);
  }
  return { kind: "pruned", responses: pruned.length, tombstones: gone.length };
}
