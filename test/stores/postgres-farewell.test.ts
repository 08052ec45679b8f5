import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { quietPool } from "./postgres-bench.ts";

/** One message of the server's: its type, its length, its body. */
function message(type: string, body: string): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, Buffer.from(body, "latin1")]);
}

const TOLD = ["SFATAL", "VFATAL", "C57P01", "Mterminating connection", ""];
const READY_AND_GONE = Buffer.concat([
  message("R", "\0\0\0\0"),
  message("Z", "I"),
  message("E", `${TOLD.join("\0")}\0`),
]);

test("pg: a server that is ready and gone in one packet does not end the process", async (t) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(READY_AND_GONE));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const pool = quietPool(`postgres://nobody@127.0.0.1:${port}/nothing`);
  const store = postgresStore(pool);
  assert.notEqual((await store.read("0".repeat(64))).kind, "ok");
  await store.close();
  await pool.end();
});
