import { NevertwiceError } from "../model/errors.ts";
import type { Answer, PruneAnswer } from "../store.ts";
import { type Ports, within } from "./ports.ts";
import { HORIZON_MARGIN_MS, RETENTION_DEFAULT } from "./settings.ts";
import type { Traffic } from "./traffic.ts";

/** One statement takes away this many rows, so that no lock is held for long. */
const BATCH = 500;
/** One pass ends after this many batches; the next pass goes on. */
const BATCHES_MAX = 200;

/**
 * Takes away what retention no longer keeps, once. Of an operation a tombstone remains, so that a
 * late key is refused and never runs again; tombstones go only under a key horizon. Of an event
 * the key remains, so that a late delivery is known; of a message its business key.
 *
 * @returns how much was pruned, or that the clocks of process and database disagree
 * @throws store-unavailable
 */
export async function pruneOnce(ports: Ports, { inbox, outbox }: Traffic): Promise<PruneAnswer> {
  const { retention, keyHorizonMs } = ports.settings;
  const wall = ports.clock.wall();
  const base = { limit: BATCH, wall };
  const tombstones =
    keyHorizonMs === undefined ? {} : { tombstoneMs: keyHorizonMs + 2 * HORIZON_MARGIN_MS };
  const { responseMs, eventMs, eventKeyMs, messageMs } = { ...RETENTION_DEFAULT, ...retention };
  const answers = await inBatches(ports, async () => {
    const pruned = await ports.store.prune({ ...base, responseMs, ...tombstones });
    return counted(pruned, (value) => [value.responses, value.tombstones]);
  });
  if (answers.kind === "clocks-disagree") return answers;
  if (inbox)
    await inBatches(ports, async () => {
      const pruned = await inbox.ports.inbox.prune({ ...base, bodyMs: eventMs, keyMs: eventKeyMs });
      return counted(pruned, (value) => [value.bodies, value.keys]);
    });
  if (outbox)
    await inBatches(ports, async () => {
      const pruned = await outbox.ports.outbox.prune({ ...base, sentMs: messageMs });
      return counted(pruned, (value) => [value.messages, 0]);
    });
  const [responses, stones] = answers.counts;
  return { kind: "pruned", responses, tombstones: stones };
}

type Counts = readonly [number, number];
type Disagreement = { readonly kind: "clocks-disagree"; readonly now: number };
type Batch = Disagreement | { readonly kind: "pruned"; readonly counts: Counts };

/** The answer of a store, with its two numbers under one name. */
function counted<Pruned extends { readonly kind: "pruned" }>(
  answer: Answer<Disagreement | Pruned>,
  counts: (value: Pruned) => Counts,
): Answer<Batch> {
  if (answer.kind !== "ok") return answer;
  const { value } = answer;
  if (value.kind === "clocks-disagree") return { kind: "ok", value: value as Disagreement };
  return { kind: "ok", value: { kind: "pruned", counts: counts(value as Pruned) } };
}

async function inBatches(ports: Ports, prune: () => Promise<Answer<Batch>>): Promise<Batch> {
  let first = 0;
  let second = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const answer = await within(ports, prune());
    if (answer.kind !== "ok")
      throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
    if (answer.value.kind === "clocks-disagree") return answer.value;
    const [one, other] = answer.value.counts;
    first += one;
    second += other;
    if (one + other < BATCH) break;
  }
  return { kind: "pruned", counts: [first, second] };
}
