import type { EventRoute } from "../../model/event.ts";
import type { ClaimedObject, ObjectClaimRequest, WaitingEvent } from "../../store/inbox.ts";
import { nowOf, type Tables } from "./records.ts";
import type { Verdict } from "./transaction.ts";

interface DueObject {
  readonly source: string;
  readonly number: number;
  readonly object: string;
  readonly state: string | null;
  readonly due_at: number;
}

interface DueEvent {
  readonly number: number;
  readonly key: string;
  readonly type: string;
  readonly route: EventRoute;
  readonly received_at: number;
  readonly starts: number;
  readonly attempts: number;
  readonly body: Uint8Array;
}

/** Each source by its own index, and of all of them those that are due for longest. */
export function claimObjects(
  tables: Tables,
  { sources, leaseMs, limit, eventsMax }: ObjectClaimRequest,
): Verdict<readonly ClaimedObject[]> {
  const { connection, sql } = tables;
  const now = nowOf(tables);
  const due = [...new Set(sources)]
    .flatMap((source) =>
      connection
        .all<Omit<DueObject, "source">>(sql.dueObjects, { source, now, limit })
        .map((row) => ({ ...row, source })),
    )
    .sort((a, b) => a.due_at - b.due_at || a.number - b.number)
    .slice(0, limit);
  const claimed = due.flatMap((object) => claimOne(tables, object, { leaseMs, eventsMax }, now));
  return { value: claimed, keep: due.length > 0 };
}

function claimOne(
  tables: Tables,
  { source, number: objectNumber, object, state }: DueObject,
  { leaseMs, eventsMax }: Pick<ObjectClaimRequest, "leaseMs" | "eventsMax">,
  now: number,
): ClaimedObject[] {
  const { connection, sql } = tables;
  const due = connection.all<DueEvent>(sql.dueEvents, { objectNumber, now, eventsMax });
  if (due.length === 0) {
    // A holder that kept it had ended all of them, and went.
    giveBack(tables, objectNumber);
    return [];
  }
  const fence = nextFence(tables);
  connection.run(sql.claimObject, { objectNumber, fence, leaseMs, now });
  const events = together(due).map((row) => started(tables, row, now));
  return [{ source, object, fence, state: state ?? undefined, events }];
}

/** An event whose start has no end may have ended the process, so it may take no other with it. */
function together(due: readonly DueEvent[]): readonly DueEvent[] {
  return due.some(({ starts, attempts }) => starts > attempts) ? due.slice(0, 1) : due;
}

function started({ connection, sql }: Tables, row: DueEvent, now: number): WaitingEvent {
  const { number, key, type, route, attempts, body } = row;
  connection.run(sql.start, { number });
  return {
    ...{ number, key, type, route, attempts, body, now },
    receivedAt: row.received_at,
    starts: row.starts + 1,
  };
}

function nextFence({ connection, sql }: Tables): number {
  const row = connection.get<{ fence: number }>(sql.fences);
  if (row === undefined) throw new Error("The counter of fences gave no row.");
  return row.fence;
}

/** Free, and due with the first of its events; without any and without a state it goes. */
export function giveBack({ connection, sql }: Tables, objectNumber: number): void {
  connection.run(sql.giveBack, { objectNumber });
  connection.run(sql.forgetObject, { objectNumber });
}
