import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import Database from "better-sqlite3";

/** A file of its own and the connections to it, all gone after `close`. */
export interface TestFile<Db> {
  readonly path: string;
  connect(): Db;
  close(): void;
}

interface Closeable {
  close(): unknown;
}

function testFile<Db extends Closeable>(open: (path: string) => Db): TestFile<Db> {
  const directory = mkdtempSync(join(tmpdir(), "nevertwice-"));
  const path = join(directory, "shop.db");
  const connections: Db[] = [];
  return {
    path,
    connect() {
      const db = open(path);
      connections.push(db);
      return db;
    },
    close() {
      for (const db of connections) db.close();
      rmSync(directory, { recursive: true });
    },
  };
}

export function nodeFile(): TestFile<DatabaseSync> {
  return testFile((path) => new DatabaseSync(path));
}

export function betterFile(): TestFile<Database.Database> {
  return testFile((path) => new Database(path));
}
