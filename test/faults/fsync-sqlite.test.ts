import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { closing } from "./closing.ts";
import type { Said } from "./fsync-sqlite-worker.ts";
import { compileFailingFsync, failingBy, skipAloud } from "./preload.ts";

/**
 * What a failed fsync does to a SQLite file, as it was predicted before the first run:
 *
 * | when | predicted |
 * |---|---|
 * | COMMIT fails by SQLITE_IOERR_FSYNC | not known: the log may hold what a recovery finds |
 * | the same key again, on the same connection | committed once, or found as it was committed |
 * | the process is killed, and the file opened anew | every acknowledged order is there once |
 * | what was not acknowledged | is there whole or not at all, and comes to one order |
 */
const ORDERS = 30;
const WORKER = new URL("./fsync-sqlite-worker.ts", import.meta.url);

test("a failed fsync of a SQLite file loses nothing that was acknowledged", async (t) => {
  const later = closing(t);
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-fsync-"));
  later(() => rm(directory, { recursive: true }));
  const library = await compileFailingFsync(directory);
  if (library === undefined)
    return skipAloud(t, "no C compiler for the library that lets fsync fail");
  const [path, trigger] = [join(directory, "shop.db"), join(directory, "broken")];
  const child = fork(WORKER, [path, trigger, String(ORDERS)], {
    env: { ...process.env, ...failingBy(library, trigger) },
  });
  const all: Said[] = [];
  child.on("message", (said: Said) => all.push(said));
  await once(child, "exit");

  const disturbed = all.filter(({ failing }) => failing);
  assert.equal(disturbed.length, ORDERS / 3);
  for (const { key, kind } of disturbed) assert.equal(kind, "not-known", key);
  const undisturbed = all.filter(({ failing }) => !failing);
  for (const { key, kind } of undisturbed) assert.equal(kind, "ok", key);

  const db = new DatabaseSync(path);
  later(async () => db.close());
  const store = sqliteStore(db);
  const rowsOf = (id: string): number =>
    db.prepare("SELECT id FROM orders WHERE id = ?").all(id).length;
  for (const { key } of undisturbed) assert.equal(rowsOf(key), 1, `${key} was acknowledged`);
  let kept = 0;
  for (const { key } of disturbed) {
    const request = claimOf(key, { form: "atomic" });
    const found = answered(await store.read(request.id)) !== undefined;
    assert.equal(rowsOf(key), found ? 1 : 0, "the row and the record are of one mind");
    kept += found ? 1 : 0;
    const again = answered(
      await store.atomic(request, (tx) => {
        tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id: key });
        return { settlement: settlementOf(), value: key };
      }),
    );
    assert.equal(again.kind, found ? "found" : "committed");
    assert.equal(rowsOf(key), 1, "one order in the end");
  }
  const told = `${disturbed.length} not known, ${kept} of them there afterwards`;
  t.diagnostic(`${undisturbed.length} acknowledged, ${told}: ${disturbed[0]?.error}`);
});
