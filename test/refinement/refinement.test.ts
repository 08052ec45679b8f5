import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createChance } from "../simulation/chance.ts";
import { createDatabase, openServer, stopServer } from "../stores/postgres-bench.ts";
import { type Bound, compareMany } from "./campaign.ts";
import { tellDifference } from "./comparison.ts";
import {
  type Ground,
  modelGround,
  pgGround,
  pgliteGround,
  postgresJsGround,
  SQLITE_KINDS,
  sqliteGround,
} from "./places.ts";
import { drawSequence, KINDS } from "./sequence.ts";

const SEED = "NEVERTWICE_SEED";
const seed = Number(process.env[SEED] ?? 1);
/** As long as a store may take of a test run; a busy machine compares fewer sequences. */
const MS = 4_000;

after(stopServer);

test("a sequence is drawn by its seed, and has every kind of call", () => {
  const texts = (from: number): string[] =>
    drawSequence(createChance(from, "refinement 1")).map(({ text }) => text);
  assert.deepEqual(texts(3), texts(3));
  assert.notDeepEqual(texts(3), texts(4));
  const drawn = Array.from({ length: 200 }, (_, index) => createChance(1, `refinement ${index}`))
    .flatMap((chance) => drawSequence(chance))
    .map(({ text }) => text);
  for (const { name } of KINDS) assert.ok(drawn.some((text) => text.startsWith(`${name} {`)));
});

test("a store that answers something else is found, with its shortest sequence", async () => {
  const { open } = modelGround();
  const forgetful = async () => {
    const place = await open();
    const suspend: typeof place.store.suspend = (holder, suspension) =>
      place.store.suspend(holder, { ...suspension, countAttempt: true });
    return { ...place, store: { ...place.store, suspend } };
  };
  const { found } = await compareMany(forgetful, 1, { sequences: 500 });
  assert.ok(found);
  assert.match(tellDifference(found), /attempts = /);
  const calls = found.acts.map(({ text }) => text.split(" ")[0]);
  assert.deepEqual(calls.slice(-2), ["claim", "suspend"]);
});

for (const [name, kind] of Object.entries(SQLITE_KINDS))
  refines(name, async () => sqliteGround(kind), 60);
refines("PGlite", pgliteGround, 12);
refines("pg", async () => onServer(pgGround), 40);
refines("postgres.js", async () => onServer(postgresJsGround), 25);

async function onServer(make: (url: string) => Ground): Promise<Ground | { skip: string }> {
  const server = await openServer();
  if ("skip" in server) return server;
  const database = await createDatabase();
  const ground = make(database.url);
  return {
    ...ground,
    async close() {
      await ground.close();
      await database.drop();
    },
  };
}

function refines(
  name: string,
  make: () => Promise<Ground | { skip: string }>,
  sequences: number,
): void {
  test(`${name} answers the same sequences as memory does`, async (t) => {
    const ground = await make();
    if ("skip" in ground) return t.skip(ground.skip);
    const bound: Bound = { sequences, ms: MS };
    try {
      const { found } = await compareMany(ground.open, seed, bound);
      if (found === undefined) return;
      const again = `npm run prove -- refinement --store "${name}" --seed ${seed}`;
      assert.fail(`${tellDifference(found)}\n\nRepeat it with:\n${again} --from ${found.index}`);
    } finally {
      await ground.close();
    }
  });
}
