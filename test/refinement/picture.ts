import { SOURCES } from "./inbox-calls.ts";
import { plainOf } from "./plain.ts";
import { KEYS, type World } from "./world.ts";

const LIMIT = 100;

/** Everything that a store tells of what it holds, in plain words. */
export async function pictureOf(world: World): Promise<unknown> {
  const { store } = world;
  const { inbox, outbox } = store;
  const operations: Record<string, unknown> = {};
  for (const { id, key } of KEYS) {
    const [read, messages, evidence] = [
      await store.read(id),
      await store.messages(id),
      await store.evidence(id),
    ];
    operations[key] = [read, messages, evidence].map((answer) => plainOf(world, undefined, answer));
  }
  const events = await inbox.list({ limit: LIMIT });
  const bodies: unknown[] = [];
  if (events.kind === "ok")
    for (const { number } of events.value)
      bodies.push(plainOf(world, "events", await inbox.read(number)));
  const cursors: unknown[] = [];
  for (const source of SOURCES) cursors.push(await inbox.cursor(source));
  const counts = await inbox.counts();
  return {
    ...{ operations, events: plainOf(world, "events", events), bodies, cursors },
    counts: counts.kind === "ok" ? counts.value.toSorted(bySource) : counts,
    messages: plainOf(world, "messages", await outbox.list({ limit: LIMIT })),
    rulings: plainOf(world, undefined, [await inbox.rulings(LIMIT), await outbox.rulings(LIMIT)]),
    rows: (await world.rows()).toSorted(),
  };
}

/** No order of the sources is promised. */
function bySource(a: { readonly source: string }, b: { readonly source: string }): number {
  return a.source < b.source ? -1 : 1;
}
