import { inDoubt, type Judgement, notExecuted, refused } from "../core/judgement.ts";

/** The key or its permissions are wrong, which somebody mends while the request waits. */
const CREDENTIALS: ReadonlySet<number> = new Set([401, 403]);

/** The request is malformed, or asks for what cannot be; the same one never gets better. */
const IMPOSSIBLE: ReadonlySet<number> = new Set([400, 404, 405, 410, 415, 422]);

/**
 * What the status of a refusal proves, for a provider that looks at a request before it executes
 * anything. 429 proves nothing here: few say that their limiter stands before everything else.
 *
 * @param decline the refusal in the provider's words; undefined if the answer has none, as one
 *   that something on the way has given
 */
export function judgeStatus<Decline>(
  title: string,
  status: number,
  decline: Decline | undefined,
): Judgement<Decline> {
  if (status >= 500) return inDoubt("failed");
  if (CREDENTIALS.has(status)) return notExecuted(`${title} refused the credentials: ${status}`);
  return IMPOSSIBLE.has(status) && decline !== undefined ? refused(decline) : inDoubt("unanswered");
}
