/** How long to wait before an attempt: jitter under an exponential ceiling. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/** The first retry comes within a person's patience, the last ones do not press a sick provider. */
export const BACKOFF_DEFAULT: Backoff = { baseMs: 200, capMs: 60_000 };

/**
 * The wait after `attempt` failed attempts, in milliseconds.
 *
 * @param attempt how many attempts have failed, from 1
 * @param fraction a random number from 0 to 1
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("equal jitter")
 */
export function backoffMs(
  attempt: number,
  fraction: number,
  backoff: Backoff = BACKOFF_DEFAULT,
): number {
  const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
  // Half of the ceiling is kept as a floor, so that a lucky draw is not a busy loop.
  return Math.round(ceiling * (0.5 + fraction / 2));
}
