import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Message } from "../../src/model/message.ts";
import type { EffectMark } from "../../src/model/step.ts";
import type { ClaimedMessage, MessageEnd } from "../../src/store/outbox.ts";
import type { Store } from "../../src/store.ts";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimed, claimOf, sendOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { betterFile, nodeFile, type TestFile } from "./sqlite-files.ts";

const DAY = 86_400_000;
const SENT: MessageEnd = { kind: "sent" };

function messageOf(key: string, aggregate?: string): Message {
  const payload = Buffer.from(key);
  return { topic: "mail", key, payload, ...(aggregate === undefined ? {} : { aggregate }) };
}

interface Bench {
  readonly db: SqliteClient;
  readonly store: Store<SqliteClient, "sync">;
  readonly other: Store<SqliteClient, "sync">;
  readonly skew: { ms: number };
  stage(...messages: Message[]): Promise<string>;
  claim(limit?: number, store?: Store<SqliteClient, "sync">): Promise<readonly ClaimedMessage[]>;
  keys(): Promise<readonly string[]>;
}

async function opened<Db extends SqliteClient>(t: TestContext, file: TestFile<Db>): Promise<Bench> {
  t.after(() => file.close());
  const skew = { ms: 0 };
  const db = file.connect();
  const store: Store<SqliteClient, "sync"> = sqliteStore<SqliteClient>(db, { skew });
  await store.migrate();
  let operations = 0;
  const claim = async (limit = 30, by = store) =>
    answered(await by.outbox.claim({ topics: ["mail"], leaseMs: 1_000, limit }));
  return {
    ...{ db, store, skew, claim },
    other: sqliteStore<SqliteClient>(file.connect(), { skew }),
    async stage(...messages) {
      operations += 1;
      const request = claimOf(`staging ${operations}`, { form: "atomic" });
      const settlement = { ...settlementOf(), messages };
      const answer = await store.atomic(request, () => ({ settlement, value: 1 }));
      assert.equal(answered(answer).kind, "committed");
      return request.id;
    },
    keys: async () => (await claim()).map(({ key }) => key),
  };
}

function both(name: string, run: (bench: Bench) => Promise<void>): void {
  test(`${name} (node:sqlite)`, async (t) => run(await opened(t, nodeFile())));
  test(`${name} (better-sqlite3)`, async (t) => run(await opened(t, betterFile())));
}

async function ended(bench: Bench, end: MessageEnd): Promise<readonly string[]> {
  const messages = await bench.claim();
  for (const message of messages)
    assert.equal(answered(await bench.store.outbox.end(message, end)), "done");
  return messages.map(({ key }) => key);
}

both("of many claims of a message one gets it, and an old end is stale", async (bench) => {
  const origin = await bench.stage(...Array.from({ length: 20 }, (_, n) => messageOf(`m${n}`)));
  const lists = await Promise.all([bench.claim(8), bench.claim(8, bench.other), bench.claim(8)]);
  const numbers = lists.flat().map(({ number }) => number);
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    [...new Set(numbers)].toSorted((a, b) => a - b),
  );
  assert.equal(numbers.length, 20);
  const [first] = lists.flat();
  assert.ok(first?.sends === 1 && !first.doubted && first.origin === origin);
  assert.equal(first.firstSentAt, first.now);
  bench.skew.ms += 1_001;
  const again = (await bench.claim()).find(({ number }) => number === first.number);
  assert.ok(again?.sends === 2 && again.doubted && again.firstSentAt === first.firstSentAt);
  assert.equal(answered(await bench.store.outbox.end(first, SENT)), "stale");
  const waiting = { kind: "waiting", dueInMs: 0, doubted: false, error: "no route" } as const;
  assert.equal(answered(await bench.store.outbox.end(again, waiting)), "done");
  assert.equal(answered(await bench.store.outbox.end(again, SENT)), "stale");
  const third = (await bench.claim()).find(({ number }) => number === first.number);
  assert.ok(third?.doubted, "a doubt is kept over later ends");
  const sent = { kind: "sent", reference: "re_1" } as const;
  assert.equal(answered(await bench.store.outbox.end(third, sent)), "done");
  const [record] = answered(await bench.store.outbox.list({ numbers: [first.number], limit: 1 }));
  assert.ok(record?.state === "sent" && record.reference === "re_1" && record.dueAt === undefined);
});

both("messages of an aggregate leave in order, whatever became of those before", async (bench) => {
  await bench.stage(
    messageOf("a1", "a"),
    messageOf("a2", "a"),
    messageOf("b1", "b"),
    messageOf("c"),
  );
  await bench.stage(messageOf("a3", "a"));
  assert.deepEqual(await ended(bench, { kind: "in_doubt", error: "?" }), ["a1", "b1", "c"]);
  assert.deepEqual(await bench.keys(), [], "a doubt keeps the others back");
  const settle = async (to: "sent" | "waiting", numbers: number[], dryRun = false) =>
    answered(
      await bench.store.outbox.settle({
        ...{ to, dryRun, by: "ann", reason: "asked" },
        filter: { numbers, limit: 9 },
      }),
    );
  const ids = answered(await bench.store.outbox.list({ limit: 9 }))
    .map(({ number }) => number)
    .reverse();
  const [a1 = 0, a2 = 0] = ids;
  assert.deepEqual(await settle("sent", [a1, a2], true), [a1]);
  assert.deepEqual(await bench.keys(), []);
  assert.deepEqual(await settle("sent", [a1, a2]), [a1]);
  assert.deepEqual(await ended(bench, { kind: "dead", error: "refused" }), ["a2"]);
  assert.deepEqual(await settle("waiting", [a1, a2]), [a2]);
  assert.deepEqual(await ended(bench, SENT), ["a2"], "the dead one stands before the next again");
  assert.deepEqual(await ended(bench, SENT), ["a3"]);
  assert.deepEqual(
    answered(await bench.store.outbox.rulings(9)).map(({ action, dryRun }) => [action, dryRun]),
    [
      ["outbox.waiting", false],
      ["outbox.sent", false],
      ["outbox.sent", true],
    ],
  );
  assert.deepEqual(answered(await bench.store.inbox.rulings(9)), []);
});

both("pruning empties what was sent; its key stays taken", async (bench) => {
  const origin = await bench.stage(messageOf("a"), messageOf("b", "b"));
  const [first] = await bench.claim();
  answered(await bench.store.outbox.end(first ?? assert.fail(), SENT));
  bench.skew.ms += 2 * DAY;
  const wall = (first?.now ?? 0) + bench.skew.ms;
  const pruned = await bench.store.outbox.prune({ sentMs: DAY, limit: 9, wall });
  assert.deepEqual(answered(pruned), { kind: "pruned", messages: 1 });
  const left = answered(await bench.store.messages(origin));
  assert.deepEqual(
    left.map(({ key, aggregate, payload }) => [key, aggregate, payload.length]),
    [
      ["a", undefined, 0],
      ["b", "b", 1],
    ],
  );
  await assert.rejects(bench.stage(messageOf("a")));
  for (const sql of [
    "DELETE FROM nevertwice_outbox",
    "UPDATE nevertwice_outbox SET payload = x'' WHERE state = 'sending'",
    "UPDATE nevertwice_outbox SET state = 'dead' WHERE state = 'sent'",
    "UPDATE nevertwice_outbox SET fence = 0",
  ])
    assert.throws(() => bench.db.exec(sql), /stays taken|can be pruned|never sent|only grows/, sql);
});

both("a step is found by every key that it was sent with, and by its reference", async (bench) => {
  const { store } = bench;
  const { record } = await claimed(store, claimOf("k"));
  const target = { provider: "stripe", kind: "payment_intent" };
  const of = { id: record.id, step: "charge" };
  answered(await store.begin(record, sendOf("charge", { target, providerKey: "one" })));
  answered(await store.record(record, "charge", { kind: "not-executed", proven: true }));
  const anew = sendOf("charge", { target, providerKey: "two", generation: 1 });
  answered(await store.begin(record, anew));
  const found = async (mark: EffectMark) => answered(await store.stepOf(mark));
  assert.deepEqual(await found({ providerKey: "one" }), of);
  assert.deepEqual(await found({ providerKey: "two" }), of);
  assert.equal(await found({ providerKey: "three" }), undefined);
  const mark = { provider: "stripe", kind: "payment_intent", reference: "pi_1" };
  assert.equal(await found(mark), undefined);
  const end = { kind: "succeeded", value: new Uint8Array(1), reference: "pi_1" } as const;
  answered(await store.record(record, "charge", end));
  assert.deepEqual(await found(mark), of);
});
