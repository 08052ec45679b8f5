import type { Sweep, SweepPage } from "../core/inbox/sweep-list.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";

export interface SweepOptions {
  /**
   * How far before the newest event of the last sweep to begin, in milliseconds, for events that
   * come into the list late; 1 hour by default.
   */
  readonly overlapMs?: number;
  /** How far back the first sweep goes, in milliseconds; 3 days by default. */
  readonly sinceMs?: number;
}

/** A question to a provider's list, with its bounds in milliseconds since 1970, both included. */
export interface ListQuery {
  readonly from: number;
  readonly to: number;
  /** Where the last page ended; undefined for the first. */
  readonly after: string | undefined;
  readonly signal: AbortSignal;
}

export interface ListPage {
  /** In whichever order; `occurredAt` is the time that the list is filtered by. */
  readonly events: readonly AuthenticEvent[];
  /** Where the next page begins; undefined for the last. */
  readonly next: string | undefined;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SLICES = 24;
/** Providers round, and do not say which of their bounds are included. */
const EDGE_MS = 1_000;

/**
 * Sweeps a list by time. The cursor is the time of the newest event that was seen, and only moves
 * once everything up to there was given. What is more than a page goes slice by slice, the oldest
 * first: lists begin with the newest, and a sweep that ran out of time in one would have to begin
 * again and again.
 *
 * @param keptMs how long the provider keeps its list
 * @throws option-invalid
 */
export function sliceSweep(
  { overlapMs = HOUR_MS, sinceMs = 3 * DAY_MS }: SweepOptions,
  keptMs: number,
  list: (query: ListQuery) => Promise<ListPage>,
): Sweep {
  for (const [name, ms] of Object.entries({ overlapMs, sinceMs }))
    if (typeof ms !== "number" || !(ms >= 0))
      throw new NevertwiceError("option-invalid", `\`${name}\` is a number of milliseconds.`);
  return {
    async *pages(cursor, { signal, now }): AsyncGenerator<SweepPage> {
      const covered = cursor === undefined ? Number.NaN : Number(cursor);
      const isFirst = !Number.isFinite(covered);
      let newest = isFirst ? Number.NEGATIVE_INFINITY : covered;
      const from = Math.max(isFirst ? now - sinceMs : covered - overlapMs, now - keptMs);
      // The provider's clock may be ahead of ours.
      const to = Math.max(from, now) + HOUR_MS;
      const ask = (slice: Slice, after?: string): Promise<ListPage> => {
        signal.throwIfAborted();
        return list({ from: slice.from - EDGE_MS, to: slice.to + EDGE_MS, after, signal });
      };
      const pageOf = ({ events, next }: ListPage): SweepPage => {
        for (const { occurredAt = newest } of events) newest = Math.max(newest, occurredAt);
        const isProved = next === undefined && newest > 0;
        return isProved ? { events, cursor: String(Math.min(newest, to)) } : { events };
      };
      const whole = await ask({ from, to });
      if (whole.next === undefined) return yield pageOf(whole);
      for (const slice of slicesOf(from, to)) {
        let page = await ask(slice);
        yield pageOf(page);
        while (page.next !== undefined) {
          page = await ask(slice, page.next);
          yield pageOf(page);
        }
      }
    },
  };
}

interface Slice {
  readonly from: number;
  readonly to: number;
}

function slicesOf(from: number, to: number): readonly Slice[] {
  const width = Math.max(HOUR_MS, (to - from) / SLICES);
  const count = Math.ceil((to - from) / width);
  return Array.from({ length: count }, (_, index) => ({
    from: from + index * width,
    to: Math.min(to, from + (index + 1) * width),
  }));
}

/** A value as its JSON would be read. */
export function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "bigint" ? Number(inner) : inner,
    ),
  );
}
