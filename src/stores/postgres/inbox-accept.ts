import type { Accepted, AcceptRequest, NewEvent } from "../../store/inbox.ts";
import type { Answer } from "../../store.ts";
import { changed } from "./answers.ts";
import type { Row } from "./client.ts";
import type { Connections } from "./connection.ts";
import { grouped } from "./groups.ts";
import { acceptCall, type CursorCells, NO_CURSOR } from "./inbox-calls.ts";
import { callOne } from "./signatures.ts";
import type { Names } from "./statements.ts";

/** Two keep the database busy while one of them is on its way. */
const LANES = 2;

type Said = readonly Accepted[] | "stale";

interface Entry {
  readonly events: readonly NewEvent[];
  readonly resolve: (answer: Answer<Said>) => void;
}

/**
 * Group commit: what arrives while a statement is in flight leaves together with the next one. A
 * cursor goes alone, because others must not fail with it.
 */
export function accepting(
  db: Connections,
  names: Names,
  skew: { readonly ms: number },
): (request: AcceptRequest) => Promise<Answer<Said>> {
  const ask = async (
    events: readonly NewEvent[],
    cursor: CursorCells = NO_CURSOR,
  ): Promise<Answer<Said>> => {
    const { name, values } = acceptCall(events, cursor, skew.ms);
    return changed(await db.alone(callOne(names, name), values), toSaid);
  };
  const join = grouped<Entry>({
    sizeOf: ({ events }) => events.reduce((sum, { body }) => sum + 2 * body.length, 0),
    send: (entries) => send(ask, entries),
    lanes: LANES,
  });
  return async ({ events, cursor }) => {
    if (cursor !== undefined) return ask(events, [cursor.source, cursor.from ?? null, cursor.to]);
    if (events.length === 0) return { kind: "ok", value: [] };
    return new Promise((resolve) => join({ events, resolve }));
  };
}

async function send(
  ask: (events: readonly NewEvent[]) => Promise<Answer<Said>>,
  entries: readonly Entry[],
): Promise<void> {
  const answer = await attempt(
    ask,
    entries.flatMap(({ events }) => events),
  );
  if (answer.kind === "not-applied" && !answer.again && entries.length > 1) {
    // One of them broke a rule, and the others must not suffer for it.
    await Promise.all(
      entries.map(async (entry) => entry.resolve(await attempt(ask, entry.events))),
    );
    return;
  }
  let start = 0;
  for (const { events, resolve } of entries) {
    const from = start;
    start += events.length;
    resolve(changed(answer, (said) => (said === "stale" ? said : said.slice(from, start))));
  }
}

async function attempt(
  ask: (events: readonly NewEvent[]) => Promise<Answer<Said>>,
  events: readonly NewEvent[],
): Promise<Answer<Said>> {
  try {
    return await ask(events);
  } catch (error) {
    return { kind: "not-applied", error, again: false };
  }
}

function toSaid([row]: readonly Row[]): Said {
  const text = row?.[0] ?? "";
  if (text === "stale") return text;
  const list = JSON.parse(text) as readonly [number, boolean, boolean][];
  return list.map(([number, isNew, conflict]) => ({ number, isNew, conflict }));
}
