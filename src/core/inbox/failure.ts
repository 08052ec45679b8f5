import type { Random } from "../../model/random.ts";
import type { EventEnd, WaitingEvent } from "../../store/inbox.ts";
import { errorLine, toldLine } from "../error-line.ts";
import type { Ports } from "../ports.ts";
import { EventParked, EventRefused } from "./event.ts";

const BASE_MS = 1_000;
const CAP_MS = 3_600_000;
/** An event that was parked is looked at again at least this often. */
const PARKED_CAP_MS = 600_000;
/** A start without an end is a process that died with the event in its hands. */
const CRASHES_MAX = 3;
/** So that a lucky draw is not a busy loop. */
const FLOOR_MS = 100;

/**
 * The wait after an error: anything up to a ceiling that doubles.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter")
 */
export function jitterMs(attempts: number, random: Random, capMs: number = CAP_MS): number {
  const ceiling = Math.min(capMs, BASE_MS * 2 ** Math.min(attempts, 30));
  return Math.max(FLOOR_MS, Math.round(random.fraction() * ceiling));
}

/** The end of an event that killed its process too often; undefined while it may be tried. */
export function poisoned({ number, starts, attempts }: WaitingEvent): EventEnd | undefined {
  const crashes = starts - attempts - 1;
  if (crashes < CRASHES_MAX) return undefined;
  return {
    ...{ number, kind: "dead" },
    error: `It was started ${crashes} times without an end: it may kill its process.`,
  };
}

/** What an error of its handling makes of an event. */
export function endOfError(
  event: WaitingEvent,
  error: unknown,
  ports: Pick<Ports, "random" | "errorText">,
  retryForMs: number,
): EventEnd {
  const { number, attempts, receivedAt, now } = event;
  if (error instanceof EventRefused)
    return { number, kind: "dead", error: toldLine(error.message, error, ports) };
  const line = errorLine(error, ports);
  if (now - receivedAt > retryForMs)
    return { number, kind: "dead", error: `It was tried for too long. ${line}` };
  const parked = error instanceof EventParked;
  return {
    ...{ number, kind: "waiting", attempted: true, error: line },
    dueInMs: jitterMs(attempts, ports.random, parked ? PARKED_CAP_MS : CAP_MS),
    ...(parked ? { waitsFor: error.waitsFor } : {}),
  };
}

/** The end of an event that could not be tried yet, by nobody's fault. */
export function putOff({ number }: WaitingEvent, dueInMs: number): EventEnd {
  return { number, kind: "waiting", dueInMs, attempted: false };
}
