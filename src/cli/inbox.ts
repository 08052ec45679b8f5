import { boundedName } from "../core/inbox/accept.ts";
import { isoTime } from "../model/clock.ts";
import { EVENT_STATES } from "../model/event.ts";
import type { EventFilter, EventRecord, InboxStore, SourceCounts } from "../store/inbox.ts";
import { EXIT, Exit, expectOk } from "./exit.ts";
import { parseChoice, parseLimit } from "./flags.ts";
import { printListing } from "./listing.ts";
import { columns, harmless, type Output } from "./output.ts";

/** Which events are meant, as it was typed. */
export interface EventFlags {
  readonly source?: string;
  readonly state?: string;
  readonly type?: string;
  readonly object?: string;
}

/** What is left of a filter once its options were read. @throws Exit */
export function eventFilter(flags: EventFlags): Omit<EventFilter, "limit"> {
  const { source, type, object } = flags;
  const state = parseChoice(flags.state, EVENT_STATES, "--state");
  if (object !== undefined && !/^[^:]+:./.test(object))
    throw new Exit(EXIT.usage, "--object is a kind and an id, such as payment_intent:pi_1.");
  return {
    ...(source === undefined ? {} : { source }),
    ...(state === undefined ? {} : { state }),
    // The inbox keeps the digest of what is too long to be a name.
    ...(type === undefined ? {} : { type: boundedName(type) }),
    ...(object === undefined ? {} : { object: boundedName(object) }),
  };
}

/** `nevertwice inbox list`: the newest events, one a line. */
export async function listEvents(
  inbox: InboxStore,
  flags: EventFlags & { readonly limit: string },
  output: Output,
): Promise<void> {
  const filter = { ...eventFilter(flags), limit: parseLimit(flags.limit) };
  const events = expectOk(await inbox.list(filter));
  if (output.json) return output.document(events);
  if (events.length === 0) return output.line("No events.");
  printListing(
    output,
    ["number", "source", "type", "object", "received", "attempts", "deliveries"],
    events.map((event) => ({
      state: event.state,
      cells: [
        String(event.number),
        harmless(event.source),
        harmless(event.type),
        harmless(event.object),
        isoTime(event.receivedAt),
        String(event.attempts),
        String(event.deliveries),
      ],
      alarm: conflictText(event),
      below: openLines(event),
    })),
  );
}

export function conflictText({ conflicts }: EventRecord): string | undefined {
  if (conflicts === 0) return undefined;
  return conflicts === 1 ? "1 conflict" : `${conflicts} conflicts`;
}

/** Why an event is not at its end; of those that are, the last error says nothing any more. */
function openLines({ state, error, waitsFor }: EventRecord): string[] {
  if (state !== "dead" && state !== "waiting") return [];
  if (waitsFor !== undefined) return [`waits for ${harmless(waitsFor)}`];
  return error === undefined ? [] : [harmless(error)];
}

/** `nevertwice inbox counts`: what came by which route, per source. */
export async function countEvents(inbox: InboxStore, output: Output): Promise<void> {
  const sources = expectOk(await inbox.counts());
  if (output.json)
    return output.document(sources.map((counts) => ({ ...counts, sweptShare: share(counts) })));
  if (sources.length === 0) return output.line("No events.");
  const [heading = "", ...lines] = columns([
    ["source", "events", "only swept", "waiting", "dead", "deliveries", "conflicts"],
    ...sources.map((counts) => [
      harmless(counts.source),
      String(counts.events),
      `${counts.swept} (${(share(counts) * 100).toFixed(1)} %)`,
      ...[counts.waiting, counts.dead, counts.deliveries, counts.conflicts].map(String),
    ]),
  ]);
  output.line(output.paint(heading, "dim"));
  for (const line of lines) output.line(line);
}

/** Of all events, those whose webhook never came, or came after the sweep. */
function share({ swept, events }: SourceCounts): number {
  return events === 0 ? 0 : swept / events;
}
