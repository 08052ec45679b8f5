import { NevertwiceError } from "../model/errors.ts";
import type { PruneAnswer } from "../store.ts";
import { type Ports, within } from "./ports.ts";
import { HORIZON_MARGIN_MS } from "./settings.ts";

/** One statement takes away this many rows, so that no lock is held for long. */
const BATCH = 500;
/** One pass ends after this many batches; the next pass goes on. */
const BATCHES_MAX = 200;

/**
 * Takes away the responses that retention no longer keeps, once. What remains is a tombstone, so
 * that a late key is refused and never runs again. Tombstones go only under a key horizon.
 *
 * @returns how much was pruned, or that the clocks of process and database disagree
 * @throws store-unavailable
 */
export async function pruneOnce(ports: Ports): Promise<PruneAnswer> {
  const { retention, keyHorizonMs } = ports.settings;
  let responses = 0;
  let tombstones = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const answer = await within(
      ports,
      ports.store.prune({
        responseMs: retention.responseMs,
        limit: BATCH,
        wall: ports.clock.wall(),
        ...(keyHorizonMs === undefined
          ? {}
          : { tombstoneMs: keyHorizonMs + 2 * HORIZON_MARGIN_MS }),
      }),
    );
    if (answer.kind !== "ok")
      throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
    if (answer.value.kind === "clocks-disagree") return answer.value;
    responses += answer.value.responses;
    tombstones += answer.value.tombstones;
    if (answer.value.responses + answer.value.tombstones < BATCH) break;
  }
  return { kind: "pruned", responses, tombstones };
}
