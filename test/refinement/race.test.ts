import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createDatabase, openServer, stopServer } from "../stores/postgres-bench.ts";
import { bringTo, finishOf, isExplained, ownView } from "./explanation.ts";
import { DRIVERS } from "./lanes.ts";
import { modelGround } from "./places.ts";
import { drawRace, openTrack, tellRace } from "./race.ts";

const seed = Number(process.env["NEVERTWICE_SEED"] ?? 1);
const RACES = 25;
/** A busy machine runs fewer of them. */
const MS = 10_000;

after(stopServer);

for (const driver of DRIVERS)
  test(`every interleaving is explained by some order of the calls, ${driver}`, async (t) => {
    const server = await openServer();
    if ("skip" in server) return t.skip(server.skip);
    const database = await createDatabase();
    const track = await openTrack(database.url, driver);
    const began = performance.now();
    try {
      for (let index = 0; index < RACES && performance.now() - began < MS; index += 1) {
        const outcome = await track.run(seed, index);
        if (outcome.isExplained) continue;
        const again = `--store "races on ${driver}" --seed ${seed} --from ${index}`;
        const repeat = `npm run prove -- refinement ${again}`;
        assert.fail(`${tellRace(outcome)}\n\nRepeat it with:\n${repeat}`);
      }
    } finally {
      await track.close();
      await database.drop();
    }
  });

test("two winners of one claim are explained by no order", async () => {
  const { open } = modelGround();
  const claims = Array.from({ length: 200 }, (_, index) => drawRace(1, index)).find(
    ({ before, calls }) =>
      calls.length === 2 &&
      calls.every(({ text }) => text.startsWith("claim ") && !text.includes("keyAge")) &&
      !before.some(({ text }) => /^(claim|atomic) /.test(text)),
  );
  assert.ok(claims, "a race of two claims of one free key");
  const race = { ...claims, calls: [claims.calls[0], claims.calls[0]].filter((one) => !!one) };
  const world = await bringTo(open, race.before);
  const raw: unknown[] = [];
  for (const call of race.calls) raw.push(await call.play(ownView(world)));
  const ran = raw.map((value) => ({ value, began: 1, ended: 2 }));
  const finish = await finishOf(world, race.calls, raw);
  assert.ok(await isExplained(open, race, ran, finish));
  const [won] = finish.answers;
  const twice = { ...finish, answers: [won, won] };
  assert.ok(!(await isExplained(open, race, ran, twice)));
});
