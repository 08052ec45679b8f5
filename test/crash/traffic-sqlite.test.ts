import { registerTraffic } from "./traffic-plays.ts";

registerTraffic("SQLite", async () => undefined);
