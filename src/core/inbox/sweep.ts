import { NevertwiceError } from "../../model/errors.ts";
import { within } from "../ports.ts";
import { type InboxPorts, storeEvents } from "./accept.ts";
import type { InboxDefinition } from "./declaration.ts";
import type { SweepPage } from "./sweep-list.ts";

/** One sweep ends after so long; the next one goes on from its cursor. */
const SWEEP_MS = 120_000;

/** What one sweep did. */
export interface Sweeping {
  /** How many events the provider's list held. */
  readonly listed: number;
  /** How many of them had not come as webhooks. */
  readonly found: number;
}

/**
 * Takes the provider's own list of events into the inbox, from where the last sweep proved it to
 * be covered. Several processes may sweep at once: the cursor moves for one of them.
 *
 * @throws store-unavailable, and what the list throws
 */
export async function sweepOnce(ports: InboxPorts, definition: InboxDefinition): Promise<Sweeping> {
  const { source, sweep } = definition;
  if (sweep === undefined) return { listed: 0, found: 0 };
  const answer = await within(ports, ports.inbox.cursor(source));
  if (answer.kind !== "ok")
    throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
  let from = answer.value;
  let listed = 0;
  let found = 0;
  const stopper = new AbortController();
  const cancel = ports.clock.timer(SWEEP_MS, () => stopper.abort(new Error("It took too long.")));
  try {
    const call = { signal: stopper.signal, now: ports.clock.wall() };
    for await (const { events, cursor } of inTime(sweep.pages(from, call), stopper.signal)) {
      const to = cursor === undefined ? undefined : { source, from, to: cursor };
      const accepted = await storeEvents(ports, definition, events, "sweep", to);
      if (accepted === "stale") break;
      listed += events.length;
      found += accepted.filter(({ isNew }) => isNew).length;
      from = cursor ?? from;
    }
  } finally {
    cancel();
  }
  return { listed, found };
}

/** The pages while the time lasts: a list that hangs must not end all sweeps of a process. */
async function* inTime(
  pages: AsyncIterable<SweepPage>,
  signal: AbortSignal,
): AsyncGenerator<SweepPage> {
  const late = Promise.withResolvers<never>();
  // Nobody listens once the list is over.
  late.promise.catch(() => undefined);
  signal.addEventListener("abort", () => late.reject(signal.reason), { once: true });
  const pager = pages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([pager.next(), late.promise]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // A pager that hangs would never end.
    void pager.return?.().catch(() => undefined);
  }
}
