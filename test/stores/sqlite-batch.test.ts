import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimOf, recordWrite, settlementOf } from "../../src/verify/cases/sample.ts";
import { nodeFile, type TestFile } from "./sqlite-files.ts";
import type { RaceOrder, RaceReport } from "./sqlite-racer.ts";

const WON = { settlement: settlementOf(), value: "mine" };

async function withFile(run: (file: TestFile<DatabaseSync>) => Promise<void>): Promise<void> {
  const file = nodeFile();
  try {
    await sqliteStore(file.connect()).migrate();
    file.connect().exec(`CREATE TABLE customer (id INTEGER PRIMARY KEY);
CREATE TABLE orders (id TEXT PRIMARY KEY, customer INTEGER
  REFERENCES customer (id) DEFERRABLE INITIALLY DEFERRED) STRICT`);
    await run(file);
  } finally {
    file.close();
  }
}

function orders(db: DatabaseSync): unknown[] {
  return db.prepare("SELECT id FROM orders ORDER BY id").all().flatMap(Object.values);
}

/** The same database, with its commits counted. */
function counting(db: DatabaseSync): SqliteClient & { commits: number } {
  const client = {
    commits: 0,
    exec(sql: string) {
      if (sql === "COMMIT") client.commits += 1;
      db.exec(sql);
    },
    prepare: (sql: string) => db.prepare(sql),
  };
  return client;
}

test("claims that come together leave in one commit", () =>
  withFile(async (file) => {
    const client = counting(file.connect());
    const store = sqliteStore(client);
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    const answers = await Promise.all(keys.map((key) => store.claim(claimOf(key))));
    assert.ok(answers.every((answer) => answered(answer).kind === "claimed"));
    // A slow machine may cut the batch, so that its event loop gets a turn.
    assert.ok(client.commits <= 40, `${client.commits} commits for 200 claims`);
    const before = client.commits;
    answered(await store.claim(claimOf("alone")));
    assert.equal(client.commits, before + 1);
  }));

test("one bad work of a batch fails alone", () =>
  withFile(async (file) => {
    const store = sqliteStore(file.connect());
    const hostile = { ...claimOf("b"), version: 1.5 };
    const [a, b, c] = await Promise.all(
      [claimOf("a"), hostile, claimOf("c")].map((request) => store.claim(request)),
    );
    assert.ok(a && b && c);
    assert.equal(answered(a).kind, "claimed");
    assert.equal(b.kind, "not-applied");
    assert.equal(answered(c).kind, "claimed");
    assert.equal(answered(await store.read(hostile.id)), undefined);
  }));

test("a callback that ends the transaction is noticed, and its neighbours hear the truth", () =>
  withFile(async (file) => {
    const store = sqliteStore(file.connect());
    for (const [sql, survives] of [
      ["COMMIT", true],
      ["ROLLBACK", false],
      ["COMMIT; BEGIN", true],
      ["ROLLBACK; BEGIN", false],
    ] as const) {
      const before = claimOf(`before ${sql}`);
      const ender = claimOf(`ender ${sql}`, { form: "atomic" });
      const after = claimOf(`after ${sql}`);
      const [first, second, third] = await Promise.all([
        store.claim(before),
        store.atomic(ender, (tx) => {
          tx.exec(sql);
          return WON;
        }),
        store.claim(after),
      ]);
      assert.equal(second.kind, "not-applied", sql);
      assert.equal(answered(await store.read(ender.id)), undefined, sql);
      assert.equal(answered(third).kind, "claimed", sql);
      const there = answered(await store.read(before.id)) !== undefined;
      assert.equal(there, survives, sql);
      if (survives) assert.equal(answered(first).kind, "claimed");
      else assert.ok(first.kind === "not-applied" && first.again, sql);
    }
  }));

test("a full disk leaves every answer of the batch true", () =>
  withFile(async (file) => {
    const db = file.connect();
    const store = sqliteStore(db);
    answered(await store.atomic(claimOf("warm", { form: "atomic" }), () => WON));
    const pages = Number(Object.values(db.prepare("PRAGMA page_count").get() ?? {})[0]);
    db.exec(`PRAGMA max_page_count=${pages + 8}`);
    const much = "x".repeat(1_000_000);
    const fillings = [
      () => store.claim(claimOf("big", { input: Buffer.from(much) })),
      () =>
        store.atomic(claimOf("big", { form: "atomic" }), (tx) => {
          tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id: much });
          return WON;
        }),
    ];
    for (const [index, fill] of fillings.entries()) {
      const [before, after] = [claimOf(`before ${index}`), claimOf(`after ${index}`)];
      const [first, big, last] = await Promise.all([
        store.claim(before),
        fill(),
        store.claim(after),
      ]);
      assert.ok(big.kind === "not-applied" || (big.kind === "ok" && big.value.kind === "threw"));
      assert.equal(answered(await store.read(claimOf("big").id)), undefined);
      const there = answered(await store.read(before.id)) !== undefined;
      assert.equal(first.kind, there ? "ok" : "not-applied");
      assert.equal(answered(last).kind, "claimed");
      assert.ok(answered(await store.read(after.id)));
    }
  }));

test("a commit whose end nobody heard is not known, and is found by its attempt id", () =>
  withFile(async (file) => {
    const db = file.connect();
    const faults = [
      { code: "ERR_SQLITE_ERROR", errcode: 1034 },
      { code: "SQLITE_IOERR_FSYNC" },
      { code: "SQLITE_FULL" },
    ];
    for (const fault of faults)
      for (const durable of [true, false]) {
        const request = claimOf(JSON.stringify([fault, durable]));
        const failing: SqliteClient = {
          prepare: (sql) => db.prepare(sql),
          exec(sql) {
            const isCommit = sql === "COMMIT";
            if (!isCommit || durable) db.exec(sql);
            if (isCommit) throw Object.assign(new Error("disk I/O error"), fault);
          },
        };
        const before = answered(await sqliteStore(db).read(request.id));
        assert.equal(before, undefined);
        const [first, second] = await Promise.all([
          sqliteStore(failing).claim(request),
          sqliteStore(failing).claim(claimOf("another")),
        ]);
        assert.equal(first.kind, "not-known");
        assert.equal(second.kind, "not-known");
        const after = answered(await sqliteStore(db).read(request.id));
        assert.equal(after?.record.attemptId, durable ? request.attemptId : undefined);
      }
  }));

test("rows that violate a deferred constraint fail their own callback only", () =>
  withFile(async (file) => {
    const db = file.connect();
    db.exec("PRAGMA foreign_keys=ON");
    const store = sqliteStore(db);
    const order = (id: string, customer: number | null) =>
      store.atomic(claimOf(id, { form: "atomic" }), (tx) => {
        tx.prepare("INSERT INTO orders VALUES (@id, @customer)").run({ id, customer });
        return WON;
      });
    const [good, bad, claim] = await Promise.all([
      order("good", null),
      order("bad", 7),
      store.claim(claimOf("plain")),
    ]);
    assert.equal(answered(good).kind, "committed");
    const threw = answered(bad);
    assert.ok(threw.kind === "threw");
    assert.match(String(threw.error), /FOREIGN KEY/);
    assert.equal(answered(claim).kind, "claimed");
    assert.deepEqual(orders(db), ["good"]);
    assert.equal(answered(await store.read(claimOf("bad").id)), undefined);
  }));

test("throwing callbacks lose their savepoint only", () =>
  withFile(async (file) => {
    const store = sqliteStore(file.connect());
    const holders = await Promise.all(
      ["a", "b", "c"].map(async (key) => {
        const claimed = answered(await store.claim(claimOf(key)));
        assert.ok(claimed.kind === "claimed");
        return claimed.snapshot.record;
      }),
    );
    const answers = await Promise.all(
      holders.map((holder, index) =>
        store.transact(holder, (tx) => {
          tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id: `order-${index}` });
          if (index === 1) throw new Error("no stock");
          return { write: recordWrite("reserve"), value: index };
        }),
      ),
    );
    const kinds = answers.map((answer) => answered(answer).kind);
    assert.deepEqual(kinds, ["committed", "threw", "committed"]);
    assert.deepEqual(orders(file.connect()), ["order-0", "order-2"]);
  }));

const RACER = new URL("sqlite-racer.ts", import.meta.url);

async function racer(path: string): Promise<ChildProcess> {
  const child = fork(RACER, [path], { execArgv: ["--conditions=source"] });
  await once(child, "message");
  return child;
}

async function race(racers: readonly ChildProcess[], order: RaceOrder): Promise<RaceReport[]> {
  return Promise.all(
    racers.map(async (child) => {
      child.send(order);
      const [report] = await once(child, "message");
      return report as RaceReport;
    }),
  );
}

test("two processes on one file: one winner a key, and nobody is turned away", () =>
  withFile(async (file) => {
    const racers = await Promise.all([racer(file.path), racer(file.path)]);
    try {
      const same = { calls: 200, name: "same", keys: 50, settle: false };
      const reports = await race(racers, same);
      const claimed = reports.flatMap((report) => report.claimed);
      assert.equal(claimed.length, 50);
      assert.equal(new Set(claimed).size, 50);
      const answers = reports.flatMap((report) => Object.keys(report.answers));
      assert.ok(answers.every((answer) => answer === "claimed" || answer === "found"));
      const busy = { calls: 250, name: "busy", keys: 250, settle: true };
      const [first, second] = await race(racers, busy);
      assert.ok(first && second);
      assert.equal(first.claimed.length + second.claimed.length, 250);
      assert.equal(new Set([...first.claimed, ...second.claimed]).size, 250);
    } finally {
      await Promise.all(
        racers.map(async (child) => {
          const exited = once(child, "exit");
          child.disconnect();
          await exited;
        }),
      );
    }
  }));
