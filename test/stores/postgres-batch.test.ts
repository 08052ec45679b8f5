import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../../src/store.ts";
import { arrayLiteral, batches, type Run } from "../../src/stores/postgres/batch.ts";
import type { Row } from "../../src/stores/postgres/client.ts";
import type { Call } from "../../src/stores/postgres/signatures.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";

const NAMES = tableNames("nevertwice_");

interface Sent {
  readonly sql: string;
  readonly values: readonly (string | null)[];
  answer(answer: Answer<readonly Row[]>): void;
}

/** A connection whose statements wait until the test answers them. */
function openRun(): { readonly run: Run; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const run: Run = (sql, values) =>
    new Promise((resolve) => void sent.push({ sql, values, answer: resolve }));
  return { run, sent };
}

function opened() {
  const [alone, wrapped] = [openRun(), openRun()];
  const call = batches(NAMES, { alone: alone.run, wrapped: wrapped.run });
  return { call, alone: alone.sent, wrapped: wrapped.sent };
}

const settleOf = (id: string): Call => ({ name: "settle", values: [id, "1", "false", null] });
const rows = (...found: Row[]): Answer<readonly Row[]> => ({ kind: "ok", value: found });
const LOST = { kind: "not-known", error: new Error("A line broke.") } as const;
const BROKEN = { kind: "not-applied", error: new Error("A rule."), again: false } as const;
const BUSY = { kind: "not-applied", error: new Error("A deadlock."), again: true } as const;

async function turn(): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
}

/** One call in flight, and `ids` behind it, which leave together once it was answered. */
async function waitingBehind(ids: readonly string[]) {
  const { call, alone, wrapped } = opened();
  const first = call(settleOf("0"));
  assert.equal(alone.length, 1, "nothing waits when nothing is in flight");
  assert.deepEqual(alone[0]?.values, ["0", "1", "false", null]);
  const answers = ids.map((id) => call(settleOf(id)));
  assert.equal(alone.length, 1);
  alone[0]?.answer(rows(["done"]));
  assert.deepEqual(await first, { kind: "ok", value: "done" });
  await turn();
  assert.equal(alone.length, 2, "they leave as one statement");
  const [, group] = alone;
  assert.ok(group);
  return { answers, group, alone, wrapped };
}

test("calls that wait leave together, in the order of their ids, and each gets its own", async () => {
  const { answers, group } = await waitingBehind(["c", "a", "b"]);
  assert.deepEqual(group.values.slice(0, 4), [
    '{"a","b","c"}',
    '{"1","1","1"}',
    '{"false","false","false"}',
    "{NULL,NULL,NULL}",
  ]);
  group.answer(rows(["of b", "2"], ["of c", "3"], ["of a", "1"]));
  assert.deepEqual(
    await Promise.all(answers),
    ["of c", "of a", "of b"].map((value) => ({ kind: "ok", value })),
  );
});

test("a call without a row is not known, alone or among others", async () => {
  const { answers, group } = await waitingBehind(["a", "b"]);
  group.answer(rows(["of a", "1"], [null, "2"]));
  const [a, b] = await Promise.all(answers);
  assert.deepEqual(a, { kind: "ok", value: "of a" });
  assert.equal(b?.kind, "not-known");
  for (const row of [rows(), rows([]), rows([null])]) {
    const { call, alone } = opened();
    const answer = call(settleOf("a"));
    alone[0]?.answer(row);
    assert.equal((await answer).kind, "not-known");
  }
});

test("where one of them broke a rule, each is sent by itself", async () => {
  const { answers, group, alone, wrapped } = await waitingBehind(["a", "b"]);
  group.answer(BROKEN);
  await turn();
  assert.equal(alone.length, 4);
  alone[2]?.answer(rows(["of a"]));
  alone[3]?.answer(BROKEN);
  assert.deepEqual(await Promise.all(answers), [{ kind: "ok", value: "of a" }, BROKEN]);
  assert.equal(wrapped.length, 0);
});

test("a lost line and a deadlock are the answer of all of them", async () => {
  for (const answer of [LOST, BUSY]) {
    const { answers, group, alone } = await waitingBehind(["a", "b"]);
    group.answer(answer);
    assert.deepEqual(await Promise.all(answers), [answer, answer]);
    assert.equal(alone.length, 2, "nothing is sent twice");
  }
});

test("a value that is no text fails its own call at most, and others are sent", async () => {
  const { call, alone } = opened();
  const first = call(settleOf("0"));
  const strange = { name: "settle", values: ["b", 12 as unknown as string] } as const;
  const answers = [call(settleOf("a")), call(strange)];
  alone[0]?.answer(rows(["done"]));
  await first;
  await turn();
  assert.equal(alone.length, 3, "they leave one by one");
  for (const { answer } of alone.slice(1)) answer(rows(["done"]));
  for (const answer of answers) assert.deepEqual(await answer, { kind: "ok", value: "done" });
  await turn();
  void call(settleOf("c"));
  assert.equal(alone.length, 4, "nothing is in flight any more");
});

test("a call that met a lock waits for it by itself, and nobody behind it", async () => {
  const { answers, group, alone, wrapped } = await waitingBehind(["a", "b"]);
  group.answer(rows(["locked", "1"], ["of b", "2"]));
  assert.deepEqual(await answers[1], { kind: "ok", value: "of b" });
  assert.deepEqual(
    wrapped.map(({ values }) => values),
    [["a", "1", "true", null]],
  );
  assert.equal(alone.length, 2);
  wrapped[0]?.answer(rows(["done"]));
  assert.deepEqual(await answers[0], { kind: "ok", value: "done" });
});

test("a record that was pruned meanwhile is asked for again", async () => {
  const { call, alone } = opened();
  const answer = call(settleOf("a"));
  alone[0]?.answer(rows(["vanished"]));
  const { kind, ...rest } = await answer;
  assert.deepEqual([kind, "again" in rest && rest.again], ["not-applied", true]);
});

test("what is too long to leave together leaves one after the other", async () => {
  const { call, alone } = opened();
  const longOf = (id: string): Call => ({
    name: "settle",
    values: [id, "1", "false", "x".repeat(1_500_000), null],
  });
  void call(settleOf("0"));
  for (const id of ["a", "b", "c"]) void call(longOf(id));
  alone[0]?.answer(rows(["done"]));
  await turn();
  assert.match(alone[1]?.values[0] ?? "", /^\{"a","b"\}$/);
  alone[1]?.answer(rows(["of a", "1"], ["of b", "2"]));
  await turn();
  assert.equal(alone[2]?.values[0], "c");
});

test("functions do not wait for each other, and calls of one do", async () => {
  const { call, alone } = opened();
  void call(settleOf("a"));
  void call({ name: "renew", values: ["a", "1", "false"] });
  void call({ name: "renew", values: ["b", "1", "false"] });
  assert.equal(alone.length, 2);
});

test("an array literal holds any text as it is", () => {
  assert.equal(arrayLiteral([]), "{}");
  assert.equal(
    arrayLiteral(['a"b', "c\\d", "NULL", "", "{,}", null]),
    '{"a\\"b","c\\\\d","NULL","","{,}",NULL}',
  );
});
