import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { EVIDENCE_SOURCES } from "../../src/model/evidence.ts";
import { RESULT_KINDS, VERDICTS } from "../../src/model/step.ts";
import type { OperationStore } from "../../src/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered, claimed, claimOf, recordOf, sendOf } from "../../src/verify/cases/sample.ts";
import { nodeFile } from "./sqlite-files.ts";

async function opened(t: TestContext): Promise<{
  db: DatabaseSync;
  store: OperationStore<DatabaseSync, "sync">;
}> {
  const file = nodeFile();
  t.after(() => file.close());
  const db = file.connect();
  const store = sqliteStore(db);
  await store.migrate();
  return { db, store };
}

test("what is known of effects keeps to the lists of the model, in SQL", async (t) => {
  const { db, store } = await opened(t);
  const { record } = await claimed(store, claimOf("k"));
  const target = { provider: "stripe", kind: "payment_intent" };
  answered(await store.begin(record, sendOf("charge", { target })));
  for (const source of EVIDENCE_SOURCES)
    answered(await store.note(record.id, { step: "charge", source, finding: "unknown" }));
  const put = (table: string, column: string, value: string | null) => (): void =>
    void db
      .prepare(`UPDATE nevertwice_${table} SET ${column} = @value
${column === "result_kind" ? ", result_value = iif(@value IS NULL, NULL, x''), recorded_at = iif(@value IS NULL, NULL, 1)" : ""}`)
      .run({ value });
  // Each value is tried and taken back, because the triggers keep what is known.
  const tried = (run: () => void): void => {
    db.exec("SAVEPOINT tried");
    try {
      run();
    } finally {
      db.exec("ROLLBACK TO tried");
      db.exec("RELEASE tried");
    }
  };
  for (const kind of RESULT_KINDS) tried(put("step", "result_kind", kind));
  for (const verdict of VERDICTS) tried(put("send", "verdict", verdict));
  assert.throws(() => tried(put("step", "result_kind", "other")), /CHECK/);
  assert.throws(() => tried(put("send", "verdict", "other")), /CHECK/);
  assert.throws(
    () =>
      db.exec("INSERT INTO nevertwice_evidence VALUES (99, 1, 's', 'other', 'f', '', '', '', 1)"),
    /CHECK/,
  );
});

test("results, verdicts and evidence are fixed in SQL", async (t) => {
  const { db, store } = await opened(t);
  const { record } = await claimed(store, claimOf("k"));
  answered(await store.begin(record, sendOf("charge")));
  answered(await store.record(record, "charge", { kind: "unanswered" }));
  answered(await store.record(record, "charge", { kind: "succeeded", value: new Uint8Array(1) }));
  answered(await store.note(record.id, { step: "charge", source: "webhook", finding: "executed" }));
  db.exec("UPDATE nevertwice_step SET compensated = 1");
  const before = await recordOf(store, record.id);
  for (const sql of [
    "UPDATE nevertwice_step SET result_kind = 'declined'",
    "UPDATE nevertwice_step SET result_kind = NULL, result_value = NULL, recorded_at = NULL",
    "UPDATE nevertwice_step SET reference = 'pi_2'",
    "UPDATE nevertwice_step SET compensated = 0",
    "UPDATE nevertwice_send SET verdict = 'not-executed'",
    "UPDATE nevertwice_evidence SET finding = 'not-found'",
    "DELETE FROM nevertwice_evidence",
  ])
    assert.throws(() => db.exec(sql), /never changes|stays so|only/, sql);
  assert.deepEqual(await recordOf(store, record.id), before);
  assert.equal(answered(await store.evidence(record.id)).length, 1);
});
