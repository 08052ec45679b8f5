import type {
  ClaimedObject,
  EventFilter,
  EventRecord,
  InboxPruneAnswer,
  InboxPruneRequest,
  InboxStore,
  SourceCounts,
  StoredEvent,
  WaitingEvent,
} from "../../store/inbox.ts";
import type { Answer } from "../../store.ts";
import { changed, guarded } from "./answers.ts";
import { number } from "./calls.ts";
import type { Cell, Row } from "./client.ts";
import { accepting } from "./inbox-accept.ts";
import {
  arriveCall,
  claimObjectsCall,
  endEventsCall,
  numbersCell,
  redeliverCall,
} from "./inbox-calls.ts";
import { acceptHandled, handle } from "./inbox-handle.ts";
import { asked, pruneTiers, rulings, toBytes, toList, toObjects } from "./keeping.ts";
import { inboxStatements, listEvents } from "./keeping-statements.ts";
import { type Call, callOne } from "./signatures.ts";
import type { Context } from "./transaction.ts";

type WithBody<T> = Omit<T, "body"> & { readonly body: string | undefined };

/** The contract of what comes in. */
export function inbox<Tx>(context: Context<Tx>): InboxStore<Tx> {
  const { pool: db, names, skew } = context;
  const sql = inboxStatements(names);
  const accept = accepting(db, names, skew);
  const nothing = { state: undefined, messages: [], keeps: false };
  /** A call whose statements wait for nobody who waits for the user. */
  const call = <T>(make: () => Call, read: (rows: readonly Row[]) => T): Promise<Answer<T>> =>
    guarded(async () => {
      const { name, values } = make();
      return changed(await db.alone(callOne(names, name), values), read);
    });
  return {
    accept: (request) => guarded(() => accept(request)),
    acceptHandled: (event, work) => guarded(() => acceptHandled(context, accept, event, work)),
    claim: (request) => call(() => claimObjectsCall(request, skew.ms), toClaimed),
    handle: (holder, work) => guarded(() => handle(context, holder, work)),
    release: (holder, ends) =>
      call(
        () => endEventsCall(holder, { ...nothing, ends }, skew.ms),
        ([row]) => (row?.[0] === "done" ? "done" : "stale"),
      ),
    arrive: (name) =>
      call(
        () => arriveCall(name, skew.ms),
        ([row]) => Number(row?.[0]),
      ),
    cursor: (source) =>
      asked(
        db,
        sql.cursor,
        () => [source],
        ([row]) => row?.[0] ?? undefined,
      ),
    list: (filter) =>
      asked(
        db,
        listEvents(names, filter.state),
        () => filterCells(filter),
        (rows) => toObjects(rows) as EventRecord[],
      ),
    read: (event) => asked(db, sql.read, () => [String(event)], toStored),
    counts: () =>
      asked(
        db,
        sql.counts,
        () => [],
        (rows) => toObjects(rows) as SourceCounts[],
      ),
    redeliver: (ruling) =>
      call(
        () => redeliverCall(ruling, skew.ms),
        (rows) => toList(rows) as number[],
      ),
    rulings: (limit) => rulings(db, names, "inbox.", limit),
    prune: (request) => guarded(() => prune(context, request)),
  };
}

function filterCells({ numbers, source, type, object, after, limit }: EventFilter): Cell[] {
  return [
    ...[numbersCell(numbers), source ?? null, type ?? null, object ?? null],
    ...[number(after), String(limit)],
  ];
}

function toClaimed(rows: readonly Row[]): ClaimedObject[] {
  type Claimed = Omit<ClaimedObject, "events"> & {
    readonly events: readonly WithBody<WaitingEvent>[];
  };
  return (toList(rows) as Claimed[]).map((claimed) => ({
    ...claimed,
    events: claimed.events.map((event) => ({ ...event, body: toBytes(event.body) })),
  }));
}

function toStored(rows: readonly Row[]): StoredEvent | undefined {
  const [row] = toObjects(rows) as WithBody<EventRecord & { readonly body: unknown }>[];
  if (row === undefined) return undefined;
  const { body, ...record } = row;
  return { record, body: body === undefined ? undefined : toBytes(body) };
}

/** Keys before bodies, so that no event goes whole at once. */
async function prune<Tx>(
  { pool, names, skew }: Context<Tx>,
  request: InboxPruneRequest,
): Promise<Answer<InboxPruneAnswer>> {
  const sql = inboxStatements(names);
  const tiers = [
    { sql: sql.keys, ms: request.keyMs },
    { sql: sql.bodies, ms: request.bodyMs },
  ];
  return changed(await pruneTiers(pool, names, skew.ms, request, tiers), (said) => {
    if ("kind" in said) return said;
    const [keys = 0, bodies = 0] = said;
    return { kind: "pruned", bodies, keys };
  });
}
