import type { RecordId } from "../model/key.ts";
import type { Performed } from "./performed.ts";

/** A run under way in this process that duplicates of the same payload may share. */
export interface Flight {
  readonly fingerprint: Uint8Array;
  readonly result: Promise<Performed>;
}

/**
 * Single flight: concurrent duplicates in one process share one claim and its result.
 * A duplicate with another payload never joins; only the store may tell it about the mismatch.
 */
export interface Flights {
  join(id: RecordId, fingerprint: Uint8Array): Promise<Performed> | undefined;
  launch(id: RecordId, fingerprint: Uint8Array, run: () => Promise<Performed>): Promise<Performed>;
  /** How many duplicates wait in this process. */
  waiters: number;
  /** Remembers the attempt id of a claim that may still land after its caller was told 503. */
  keepUnanswered(id: RecordId, fingerprint: Uint8Array, attemptId: string): void;
  /**
   * That id, once and for the same payload alone, so that the retry adopts the claim instead of
   * waiting for its lease to lapse.
   */
  takeUnanswered(id: RecordId, fingerprint: Uint8Array): string | undefined;
}

/** More lost claims than this at a time are an outage, after which leases lapse anyway. */
const UNANSWERED_MAX = 1_000;

export function createFlights(): Flights {
  const flights = new Map<RecordId, Flight>();
  const unanswered = new Map<RecordId, Unanswered>();
  return {
    waiters: 0,
    join(id, fingerprint) {
      const flight = flights.get(id);
      return flight && isOf(flight, fingerprint) ? flight.result : undefined;
    },
    launch(id, fingerprint, run) {
      const flight: Flight = { fingerprint, result: run() };
      if (flights.has(id)) return flight.result;
      flights.set(id, flight);
      const land = (): void => {
        flights.delete(id);
      };
      flight.result.then(land, land);
      return flight.result;
    },
    keepUnanswered(id, fingerprint, attemptId) {
      if (unanswered.size < UNANSWERED_MAX) unanswered.set(id, { fingerprint, attemptId });
    },
    takeUnanswered(id, fingerprint) {
      const known = unanswered.get(id);
      if (known === undefined || !isOf(known, fingerprint)) return undefined;
      unanswered.delete(id);
      return known.attemptId;
    },
  };
}

/** A claim that may still land. */
interface Unanswered {
  readonly fingerprint: Uint8Array;
  readonly attemptId: string;
}

function isOf(one: { readonly fingerprint: Uint8Array }, fingerprint: Uint8Array): boolean {
  return Buffer.compare(one.fingerprint, fingerprint) === 0;
}
