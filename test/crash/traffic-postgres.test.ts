import { after, test } from "node:test";
import { createDatabase, openServer, stopServer } from "../stores/postgres-bench.ts";
import { registerTraffic } from "./traffic-plays.ts";

const server = await openServer();
if ("skip" in server) {
  test("Postgres: kills of traffic", { skip: server.skip }, () => {});
} else {
  const database = await createDatabase();
  registerTraffic("Postgres", async () => database.url);
  after(async () => {
    await database.drop();
    await stopServer();
  });
}
