import { after, before, test } from "node:test";
import { openScene, type Scene } from "../crash/scene.ts";
import { createDatabase, openServer, stopServer } from "../stores/postgres-bench.ts";
import { FAILURES, TAKE_OVERS } from "./crashes.ts";
import { DUPLICATES, RACES } from "./duplicates.ts";
import { type Ground, registerRow, table } from "./ground.ts";
import { OUTAGES, RESULTS, UNREACHABLE } from "./limits.ts";
import { frozenNetwork, lockedFile } from "./outages.ts";

const results = table();

let sqlite: Ground;
let postgres: Ground | undefined;
const scenes: Scene[] = [];

const server = await openServer();
before(async () => {
  const file = await openScene();
  scenes.push(file);
  sqlite = { name: "SQLite", scene: file, openOutage: () => lockedFile(file.db) };
  if ("skip" in server) return;
  const { url } = await createDatabase();
  const scene = await openScene(url);
  scenes.push(scene);
  postgres = { name: "Postgres", scene, openOutage: () => frozenNetwork(url) };
});
after(async () => {
  for (const scene of scenes) await scene.close();
  await stopServer();
});

const two = [...RACES, ...TAKE_OVERS, ...OUTAGES];
for (const [letter, sentence, run] of [...DUPLICATES, ...FAILURES, ...RESULTS, ...two])
  registerRow(() => sqlite, "SQLite", results, [letter, sentence], run);

if ("skip" in server) {
  test("two processes over Postgres", { skip: server.skip }, () => undefined);
} else {
  const opened = (): Ground => {
    if (postgres === undefined) throw new Error("The database was not opened.");
    return postgres;
  };
  for (const [letter, sentence, run] of [...two, ...UNREACHABLE])
    registerRow(opened, "Postgres", results, [letter, sentence], run);
}

test("the table of what was measured", (t) => {
  t.diagnostic("row | database | what happens | charges | orders | answers");
  for (const line of results.lines.toSorted()) t.diagnostic(line);
});
