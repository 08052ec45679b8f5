import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOCK_MARGIN_MS } from "../../src/model/clock.ts";
import type { Answer } from "../../src/store.ts";
import type { Row } from "../../src/stores/postgres/client.ts";
import { pruneTiers, toBytes, toList, toObjects } from "../../src/stores/postgres/keeping.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import { planned } from "./postgres-planned.ts";

const NOW = 1_700_000_000_000;
const TIERS = [
  { sql: "first", ms: 10 },
  { sql: "second", ms: 20 },
];
const LOST = { kind: "not-known", error: new Error("A line broke.") } as const;
const REFUSED = { kind: "not-applied", error: new Error("A rule."), again: false } as const;

/** Prunes where each tier takes so many rows, or fails. */
async function prune(answers: readonly (number | Answer<never>)[], wall = NOW) {
  const sent: (readonly (string | null)[])[] = [];
  const { db } = planned();
  const answer = await pruneTiers(
    {
      ...db,
      alone: async () => ({ kind: "ok", value: [[String(NOW)]] }),
      wrapped: async (sql, values): Promise<Answer<readonly Row[]>> => {
        const said = answers[sent.length];
        sent.push([sql, ...values]);
        return typeof said === "object" ? said : { kind: "ok", value: [[String(said)]] };
      },
    },
    tableNames("nevertwice_"),
    7,
    { wall, limit: 100 },
    TIERS,
  );
  return { answer, sent };
}

test("each tier is pruned by its own age, up to the limit, and counted", async () => {
  const { answer, sent } = await prune([3, 4]);
  assert.deepEqual(answer, { kind: "ok", value: [3, 4] });
  assert.deepEqual(sent, [
    ["first", "7", "10", "100"],
    ["second", "7", "20", "100"],
  ]);
});

test("nothing is pruned while the clocks disagree, in either direction", async () => {
  for (const off of [-1, 1]) {
    const { sent } = await prune([0, 0], NOW + off * CLOCK_MARGIN_MS);
    assert.equal(sent.length, 2);
    const { answer, sent: none } = await prune([0, 0], NOW + off * (CLOCK_MARGIN_MS + 1));
    assert.deepEqual(answer, { kind: "ok", value: { kind: "clocks-disagree", now: NOW } });
    assert.deepEqual(none, []);
  }
});

test("what went in an earlier tier is gone, whatever became of the later one", async () => {
  assert.deepEqual((await prune([3, REFUSED])).answer, { kind: "not-known", error: REFUSED.error });
  assert.deepEqual((await prune([0, REFUSED])).answer, REFUSED);
  assert.deepEqual((await prune([REFUSED, 4])).answer, REFUSED);
  assert.deepEqual((await prune([3, LOST])).answer, LOST);
  assert.equal((await prune([LOST, 4])).sent.length, 1, "and no other tier is tried");
});

test("without the database's time nothing is pruned", async () => {
  const { db } = planned({ acquire: () => Promise.reject(LOST.error) });
  const answer = await pruneTiers(db, tableNames("x_"), 0, { wall: NOW, limit: 1 }, TIERS);
  assert.deepEqual(answer, { kind: "not-applied", error: LOST.error, again: true });
});

test("what a row does not have is undefined, at every depth", () => {
  const text = '{"a":null,"b":[{"c":null,"d":0}],"e":""}';
  const object = { a: undefined, b: [{ c: undefined, d: 0 }], e: "" };
  assert.deepEqual(toObjects([[text], [null], []]), [object]);
  assert.deepEqual(toList([[`[${text}]`]]), [object]);
  for (const rows of [[], [[]], [[null]]]) assert.deepEqual(toList(rows), []);
});

test("bytes travel as hexadecimal digits, and none is none", () => {
  assert.deepEqual(toBytes("00ff"), new Uint8Array([0, 255]));
  assert.deepEqual(toBytes(undefined), new Uint8Array(0));
});
