import pg from "pg";
import { type Chance, createChance } from "../simulation/chance.ts";
import { bringTo, type Finish, finishOf, isExplained, ownView, type Race } from "./explanation.ts";
import { createGate, type Gate, type Ran } from "./gate.ts";
import { type DriverName, LANES, openLanes } from "./lanes.ts";
import { modelGround } from "./places.ts";
import { drawSequence, KINDS } from "./sequence.ts";
import type { Act, World } from "./world.ts";

/** Kinds of calls that meet each other; the rest of the pairs is drawn freely. */
const MEETINGS: readonly (readonly string[])[] = [
  ["claim", "claim"],
  ["claim", "atomic"],
  ["atomic", "atomic"],
  ["plan", "claim"],
  ["plan", "atomic"],
  ["plan", "plan"],
  ["takeOver", "settle"],
  ["takeOver", "takeOver"],
  ["takeOver", "renew"],
  ["settle", "suspend"],
  ["transact", "takeOver"],
  ["prune", "claim"],
  ["reopen", "takeOver"],
  ["begin", "takeOver"],
  ["begin", "begin"],
  ["record", "record"],
  ["note", "reopen"],
  ["reopen", "settle"],
  ["reopen", "reopen"],
  ["atomic", "outbox.claim"],
  ["prune", "prune"],
  ["inbox.accept", "inbox.accept"],
  ["inbox.acceptHandled", "inbox.accept"],
  ["inbox.claim", "inbox.claim"],
  ["inbox.claim", "inbox.accept"],
  ["inbox.handle", "inbox.claim"],
  ["inbox.acceptHandled", "inbox.acceptHandled"],
  ["inbox.acceptHandled", "inbox.claim"],
  ["inbox.handle", "inbox.accept"],
  ["inbox.handle", "inbox.handle"],
  ["inbox.release", "inbox.claim"],
  ["inbox.redeliver", "inbox.claim"],
  ["inbox.arrive", "inbox.handle"],
  ["inbox.prune", "inbox.accept"],
  ["outbox.claim", "outbox.claim"],
  ["outbox.claim", "outbox.end"],
  ["outbox.end", "outbox.settle"],
  ["outbox.prune", "outbox.claim"],
];

/** A seed's race of that number. */
export function drawRace(seed: number, index: number): Race {
  const chance = createChance(seed, `race ${index}`);
  const before = drawSequence(chance, 14);
  const count = chance.pick([2, 2, 2, 3, 4]);
  const names = chance.hit(0.8) ? chance.pick(MEETINGS) : undefined;
  const calls: Act[] = [];
  for (let lane = 0; lane < count; lane += 1) {
    const name = names?.[lane % names.length];
    calls.push(drawCall(chance, name, calls[0]));
  }
  return { before, calls };
}

const TRIES = 40;

/** A call of that kind, if there is one of the same operation as the first. */
function drawCall(chance: Chance, name: string | undefined, first: Act | undefined): Act {
  const kinds = KINDS.filter((one) => name === undefined || one.name === name);
  const draw = (): Act => {
    const kind = chance.pick(kinds);
    return { ...kind.draw(chance), ticks: 0, counted: kind.counted };
  };
  let call = draw();
  for (let tries = 0; tries < TRIES && !meets(call, first); tries += 1) call = draw();
  return call;
}

function meets(call: Act, first: Act | undefined): boolean {
  const placeOf = (act: Act | undefined): string | undefined =>
    /"place":(\d)/.exec(act?.text ?? "")?.[1];
  const [one, other] = [placeOf(call), placeOf(first)];
  return one === undefined || other === undefined || one === other;
}

/** Where races are run: a database, and a store for each lane. */
export interface Track {
  run(seed: number, index: number): Promise<Outcome>;
  close(): Promise<void>;
}

/** A race and what it came to. */
export interface Outcome {
  readonly race: Race;
  readonly ran: readonly Ran<unknown>[];
  readonly finish: Finish;
  readonly isExplained: boolean;
}

const BLOCKED = `SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') = cardinality($1::int[])
  AS blocked FROM pg_stat_activity WHERE pid = ANY($1::int[])`;

export async function openTrack(url: string, driver: DriverName): Promise<Track> {
  const lanes = await openLanes(driver, url);
  const { ground } = lanes;
  const watcher = new pg.Client({ connectionString: url });
  await watcher.connect();
  const gate = createGate(async (sessions) => {
    const { rows } = await watcher.query<{ blocked: boolean }>(BLOCKED, [sessions]);
    return rows[0]?.blocked === true;
  });
  const skew = { ms: 0 };
  const stores = Array.from({ length: LANES }, (_, lane) => lanes.store(gate, lane, skew));
  return {
    async run(seed, index) {
      const race = drawRace(seed, index);
      const world = await bringTo(ground.open, race.before);
      skew.ms = world.skew.ms;
      const views = stores.map((store) => ({ ...ownView(world), store }));
      const ran = await runLanes(gate, race.calls, views, createChance(seed, `order ${index}`));
      const raw = ran.map(({ value }) => value);
      const finish = await finishOf(world, race.calls, raw);
      const { open } = modelGround();
      return { race, ran, finish, isExplained: await isExplained(open, race, ran, finish) };
    },
    async close() {
      for (const store of stores) await store.close();
      await lanes.close();
      await watcher.end();
      await ground.close();
    },
  };
}

function runLanes(
  gate: Gate,
  calls: readonly Act[],
  views: readonly World[],
  chance: Chance,
): Promise<readonly Ran<unknown>[]> {
  return gate.runAll(
    calls.map((call, lane) => () => {
      const view = views[lane];
      if (view === undefined) throw new Error("There are more calls than lanes.");
      return call.play(view);
    }),
    chance,
  );
}

/** A race that nothing explains, to be read by a person. */
export function tellRace({ race, ran, finish }: Outcome): string {
  const calls = race.calls.map(({ text }, index) => {
    const { began = 0, ended = 0 } = ran[index] ?? {};
    return `  ${began} to ${ended}: ${text}\n    ${JSON.stringify(finish.answers[index])}`;
  });
  return [
    ...["No order of these calls explains their answers.", "Before them:"],
    ...race.before.map(({ ticks, text }) => `  ${ticks > 0 ? `+${ticks} ticks ` : ""}${text}`),
    ...["Side by side:", ...calls],
    `Afterwards: ${JSON.stringify(finish.picture)}`,
  ].join("\n");
}
