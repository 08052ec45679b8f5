import type { EventEnd } from "../../store/inbox.ts";
import type { Ports } from "../ports.ts";

/** Tells what became of an event. */
export function reportEnd(
  ports: Pick<Ports, "events">,
  source: string,
  typeOf: (number: number) => string,
  end: EventEnd,
): void {
  const { number } = end;
  const of = { source, event: typeOf(number), number };
  if (end.kind === "dead") ports.events.emit({ type: "event.dead", ...of, error: end.error });
  else if (end.kind !== "waiting") ports.events.emit({ type: `event.${end.kind}`, ...of });
  else if (end.attempted) {
    const { dueInMs, waitsFor, error } = end;
    ports.events.emit({ type: "event.waiting", ...of, dueInMs, waitsFor, error });
  }
}
