import { EVENT_KEY_MS_LEAST, RETENTION_DEFAULT } from "../core/settings.ts";
import { systemClock } from "../model/clock.ts";
import type { Answer, Store } from "../store.ts";
import { EXIT, Exit, expectOk, parseDuration } from "./exit.ts";
import type { Output } from "./output.ts";

export interface PruneFlags {
  readonly olderThan: string;
  readonly tombstones?: string;
  readonly events?: string;
  readonly eventKeys?: string;
  readonly messages?: string;
}

const BATCH = 500;

/** What one statement took away, by what it is; or that it took nothing because of the clocks. */
type Pruned = { readonly kind: "pruned" | "clocks-disagree" } & object;

/**
 * `nevertwice prune`: takes away what is older, in small batches, until nothing is left to take.
 * Events and messages go only where their option is given.
 */
export async function pruneTables(store: Store, flags: PruneFlags, output: Output): Promise<void> {
  const responseMs = parseDuration(flags.olderThan, "--older-than");
  const tombstones = optional(flags.tombstones, "--tombstones");
  const bodyMs = optional(flags.events, "--events");
  const keyMs = optional(flags.eventKeys, "--event-keys");
  const sentMs = optional(flags.messages, "--messages");
  if (keyMs !== undefined) checkKeys(keyMs, bodyMs);
  const base = (): { limit: number; wall: number } => ({ limit: BATCH, wall: systemClock.wall() });
  const counts = await inBatches(["responses", "tombstones"], () => {
    const request = { ...base(), responseMs };
    return store.prune(
      tombstones === undefined ? request : { ...request, tombstoneMs: tombstones },
    );
  });
  if (bodyMs !== undefined) {
    const kept = { bodyMs, keyMs: keyMs ?? Math.max(RETENTION_DEFAULT.eventKeyMs, bodyMs) };
    const taken = () => store.inbox.prune({ ...base(), ...kept });
    Object.assign(counts, await inBatches(["bodies", "keys"], taken));
  }
  if (sentMs !== undefined) {
    const taken = () => store.outbox.prune({ ...base(), sentMs });
    Object.assign(counts, await inBatches(["messages"], taken));
  }
  if (output.json) return output.document(counts);
  output.line(`Pruned ${told(counts)}.`);
}

function checkKeys(keyMs: number, bodyMs: number | undefined): void {
  if (bodyMs === undefined || keyMs < bodyMs)
    throw new Exit(EXIT.usage, "--event-keys goes with --events, and is no shorter.");
  if (keyMs < EVENT_KEY_MS_LEAST)
    throw new Exit(
      EXIT.usage,
      "--event-keys is 35d or more: providers send an event again for up to 30 days.",
    );
}

const optional = (text: string | undefined, option: string): number | undefined =>
  text === undefined ? undefined : parseDuration(text, option);

async function inBatches(
  names: readonly string[],
  prune: () => Promise<Answer<Pruned>>,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
  for (;;) {
    const answer = expectOk(await prune());
    if (answer.kind === "clocks-disagree") {
      throw new Exit(
        EXIT.failed,
        "Nothing was pruned: the clocks of this machine and of the database differ by over five minutes. Set them right first.",
      );
    }
    let taken = 0;
    for (const name of names) {
      const count = Number((answer as Readonly<Record<string, unknown>>)[name]);
      counts[name] = (counts[name] ?? 0) + count;
      taken += count;
    }
    if (taken < BATCH) return counts;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  bodies: "bodies of events",
  keys: "keys of events",
};

function told(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${NAMES[name] ?? name}`);
  const last = parts.pop() ?? "";
  return `${parts.join(", ")} and ${last}`;
}
