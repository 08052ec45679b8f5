import type { AddressInfo } from "node:net";
import { APPLICATIONS } from "./applications.ts";

const [name = "", db = ""] = process.argv.slice(2);
const build = APPLICATIONS[name];
if (build === undefined) throw new Error(`There is no application "${name}".`);

const app = await build(db);
const server = app.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});

/** Answers each message with the CPU time that this process has used, in microseconds. */
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicroseconds: user + system });
});
process.on("disconnect", () => process.exit(0));
