import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import type { StoreBench } from "../../src/verify/store.ts";
import { runStoreCases } from "./run.ts";
import { betterFile, nodeFile, type TestFile } from "./sqlite-files.ts";

runStoreCases("node:sqlite", () => openBench(nodeFile()));
runStoreCases("better-sqlite3", () => openBench(betterFile()));

async function openBench<Db extends SqliteClient>(file: TestFile<Db>): Promise<StoreBench<Db>> {
  const skew = { ms: 0 };
  const db = file.connect();
  const store = sqliteStore(db, { skew });
  await store.migrate();
  db.exec("CREATE TABLE orders (id TEXT NOT NULL UNIQUE)");
  return {
    store,
    advance(ms) {
      skew.ms += ms;
    },
    again: () => sqliteStore(file.connect(), { skew }),
    userRows: {
      statement: (id) => ({ text: "INSERT INTO orders (id) VALUES (?)", values: [id] }),
      insert: (tx, id) => void tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id }),
      count: () => {
        const row = db.prepare("SELECT count(*) AS count FROM orders").get({});
        return Number((row as { count: number }).count);
      },
    },
    endTransaction: (tx) => void tx.exec("COMMIT"),
    lacks: { "own-transaction": "a callback is given the user's own connection, which lives on" },
    async unmigrated() {
      const prefix = "other_";
      return [
        sqliteStore(file.connect(), { skew, prefix }),
        sqliteStore(file.connect(), { skew, prefix }),
      ];
    },
    async close() {
      await store.close();
      file.close();
    },
  };
}
