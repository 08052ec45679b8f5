import type { AuthenticEvent } from "../../model/event.ts";

/** A part of a provider's list of events. */
export interface SweepPage {
  readonly events: readonly AuthenticEvent[];
  /** How far the list is covered by now, this page included; only where that is proved. */
  readonly cursor?: string;
}

/** Fetches a provider's list of events. */
export interface Sweep {
  /** @param cursor how far earlier sweeps have covered the list; undefined for the first */
  pages(
    cursor: string | undefined,
    call: { readonly signal: AbortSignal; readonly now: number },
  ): AsyncIterable<SweepPage>;
}
