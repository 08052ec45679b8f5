import assert from "node:assert/strict";
import { test } from "node:test";
import { committing, keeping, toCell, toEnded } from "../../src/stores/postgres/client.ts";

test("only the tag COMMIT for the transaction that was begun proves that it committed", () => {
  const rows = [
    ["first", "6"],
    ["done", "7"],
  ];
  assert.deepEqual(toEnded(rows, "COMMIT", "7"), { committed: true, row: ["done", "7"] });
  assert.equal(toEnded(rows, "ROLLBACK", "7").committed, false);
  assert.equal(toEnded(rows, "COMMIT", "6").committed, false, "it was another transaction");
  assert.equal(toEnded(rows, "COMMIT", "").committed, false);
});

test("statements that begin their transaction themselves need only have had one", () => {
  assert.equal(toEnded([["done", "7"]], "COMMIT", undefined).committed, true);
  assert.equal(toEnded([["done", "7"]], "ROLLBACK", undefined).committed, false);
  for (const rows of [[], [[]], [["done", null]]] as const) {
    assert.equal(toEnded(rows, "COMMIT", undefined).committed, false);
    assert.equal(toEnded(rows, "COMMIT", "7").committed, false);
    assert.deepEqual(toEnded(rows, "COMMIT", "7").row, rows[0] ?? []);
  }
});

test("the last statement and the COMMIT go in one script", () => {
  assert.equal(committing("SELECT 1"), "SELECT 1; COMMIT");
});

test("stores over one pool keep half of its connections, and no others", () => {
  for (const [max, most] of [
    [1, 0],
    [2, 1],
    [5, 2],
    [undefined, 5],
  ] as const) {
    const pool = {};
    const stores = Array.from({ length: 8 }, () => keeping(pool, max));
    const kept = stores.flatMap((keep) => keep() ?? []);
    assert.equal(kept.length, most);
    kept[0]?.();
    kept[0]?.();
    assert.equal(stores.flatMap((keep) => keep() ?? []).length, Math.min(1, most));
  }
});

test("every value is a text, and bytes are read as one", () => {
  assert.deepEqual([null, undefined, "", "a", 0, 7n, false].map(toCell), [
    ...[null, null, "", "a", "0", "7", "false"],
  ]);
  const within = new Uint8Array(Buffer.from("xäöx")).subarray(1, 5);
  assert.equal(toCell(within), "äö");
});
