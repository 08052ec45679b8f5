import { after, test } from "node:test";
import { createDatabase, openServer, stopServer } from "../stores/postgres-bench.ts";
import { registerPlays } from "./plays.ts";
import { openScene } from "./scene.ts";

const server = await openServer();
if ("skip" in server) {
  test("Postgres: kills", { skip: server.skip }, () => {});
} else {
  const database = await createDatabase();
  const depth = process.env["NEVERTWICE_PROVE"] === "1" ? "all" : "short";
  registerPlays("Postgres", () => openScene(database.url), { depth });
  after(async () => {
    await database.drop();
    await stopServer();
  });
}
