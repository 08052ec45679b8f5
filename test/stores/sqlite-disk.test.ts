import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import type { Answer, Store } from "../../src/store.ts";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  taken,
  workOf,
} from "../../src/verify/cases/inbox-sample.ts";
import {
  answered,
  bytes,
  claimed,
  claimOf,
  recordWrite,
  sendOf,
  settlementOf,
} from "../../src/verify/cases/sample.ts";
import { betterFile, nodeFile } from "./sqlite-files.ts";

const run = promisify(execFile);

/** More than a full file has room for in the pages that it has. */
const MUCH = bytes(`"${"x".repeat(200_000)}"`);
const BIG = settlementOf({ body: MUCH });
const PAGES_MAX = 1_073_741_823;

type Call = () => Promise<Answer<unknown>>;

/** Every kind of write, each with more than fits. */
async function bigWrites(store: Store<SqliteClient, "sync">): Promise<Record<string, Call>> {
  const keys = ["settled", "transacted", "recorded", "begun"] as const;
  const [settled, transacted, recorded, begun] = await Promise.all(
    keys.map(async (key) => (await claimed(store, claimOf(key))).record),
  );
  assert.ok(settled && transacted && recorded && begun);
  await taken(store as unknown as Store, eventOf("e"));
  const { events, ...holder } = await claimedObject(store as unknown as Store);
  const insert = (tx: SqliteClient): void =>
    void tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id: "o" });
  const message = { topic: "receipt", key: "m", payload: MUCH };
  return {
    claim: () => store.claim(claimOf("claimed", { input: MUCH })),
    begin: () => store.begin(begun, sendOf("charge", { request: MUCH })),
    settle: () => store.settle(settled, BIG),
    "transact, settle": () =>
      store.transact(transacted, (tx) => {
        insert(tx);
        return { write: { kind: "settle", settlement: BIG }, value: 7 };
      }),
    "transact, record": () =>
      store.transact(recorded, (tx) => {
        insert(tx);
        return { write: recordWrite("reserve", [message]), value: 7 };
      }),
    atomic: () =>
      store.atomic(claimOf("atomic", { form: "atomic" }), (tx) => {
        insert(tx);
        return { settlement: BIG, value: 7 };
      }),
    "inbox.accept": () => store.inbox.accept({ events: [eventOf("f", { body: MUCH })] }),
    "inbox.handle": () =>
      store.inbox.handle(holder, (tx) => {
        insert(tx);
        return workOf(doneOf(events), { messages: [{ ...message, key: "n", origin: begun.id }] });
      }),
  };
}

/** All that the file holds, as another connection sees it. */
function everything(db: SqliteClient): string {
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all({}) as { name: string }[];
  return JSON.stringify(
    names.map(({ name }) => [name, db.prepare(`SELECT * FROM ${name}`).all({})]),
  );
}

async function opened(db: SqliteClient): Promise<Store<SqliteClient, "sync">> {
  const store = sqliteStore(db);
  await store.migrate();
  db.exec("CREATE TABLE orders (id TEXT)");
  return store;
}

function pagesOf(db: SqliteClient): number {
  const row = db.prepare("PRAGMA page_count").all({})[0];
  return Number(Object.values(row as Record<string, unknown>)[0]);
}

for (const [name, fileOf] of [
  ["node:sqlite", nodeFile] as const,
  ["better-sqlite3", betterFile] as const,
])
  test(`${name}: what does not fit was not applied, and fits once there is room`, async (t) => {
    const file = fileOf();
    t.after(() => file.close());
    const [db, other] = [file.connect(), file.connect()];
    const store = await opened(db);
    const calls = await bigWrites(store);
    db.exec(`PRAGMA max_page_count=${pagesOf(db)}`);
    const before = everything(other);
    for (const [method, call] of Object.entries(calls)) {
      const answer = await call();
      assert.equal(answer.kind, "not-applied", method);
      assert.equal(everything(other), before, `${method} left something`);
    }
    db.exec(`PRAGMA max_page_count=${PAGES_MAX}`);
    for (const [method, call] of Object.entries(calls)) {
      const value = answered(await call());
      assert.notEqual(value, "stale", method);
    }
    const orders = other.prepare("SELECT id FROM orders").all({});
    assert.equal(orders.length, 4, "each callback's row is there once");
  });

/** A disk of its own that is soon full, or undefined where the machine gives none. */
async function smallDisk(): Promise<{ path: string; close(): Promise<void> } | undefined> {
  const path = await mkdtemp(join(tmpdir(), "nevertwice-disk-"));
  const close = (): Promise<void> => rm(path, { recursive: true, force: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path]);
  } catch {
    await close();
    return undefined;
  }
  return {
    path,
    async close() {
      await run("umount", [path]);
      await close();
    },
  };
}

for (const [name, open] of [
  ["node:sqlite", (path: string) => new DatabaseSync(path)] as const,
  ["better-sqlite3", (path: string) => new Database(path)] as const,
])
  test(`${name}: a full disk leaves nothing half, and no lie`, async (t) => {
    const disk = await smallDisk();
    if (disk === undefined) {
      console.warn("SKIPPED: only root can mount a small disk.");
      return t.skip("only root can mount a small disk");
    }
    const db = open(join(disk.path, "shop.db"));
    try {
      const store = await opened(db);
      const kinds = new Set<string>();
      // About ten of them fill the disk; the log is never shortened while it is full.
      for (let count = 0; count < 30; count += 1) {
        const request = claimOf(`k-${count}`, { form: "atomic", input: MUCH });
        const answer = await store.atomic(request, (tx) => {
          tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id: request.key });
          return { settlement: settlementOf(), value: 7 };
        });
        kinds.add(answer.kind);
        const found = answered(await store.read(request.id)) !== undefined;
        const rows = db.prepare("SELECT id FROM orders WHERE id = @id").all({ id: request.key });
        assert.equal(rows.length === 1, found, "the row and the record are of one mind");
        if (answer.kind !== "not-known") assert.equal(found, answer.kind === "ok", request.key);
      }
      assert.ok(kinds.has("ok") && kinds.size > 1, "the disk was filled");
      await run("mount", ["-o", "remount,size=32m", disk.path]);
      const again = claimOf("again", { form: "atomic", input: MUCH });
      const work = () => ({ settlement: settlementOf(), value: 7 });
      assert.equal(answered(await store.atomic(again, work)).kind, "committed");
      t.diagnostic(`a full disk is told as ${[...kinds].join(", ")}`);
    } finally {
      db.close();
      await disk.close();
    }
  });
