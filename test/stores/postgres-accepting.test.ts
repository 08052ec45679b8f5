import assert from "node:assert/strict";
import { test } from "node:test";
import type { NewEvent } from "../../src/store/inbox.ts";
import type { Answer } from "../../src/store.ts";
import type { Cell, Row } from "../../src/stores/postgres/client.ts";
import type { Connections } from "../../src/stores/postgres/connection.ts";
import { accepting } from "../../src/stores/postgres/inbox-accept.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import { bytes } from "../../src/verify/cases/sample.ts";
import { settleTurn } from "../core/acquirer.ts";
import { planned } from "./postgres-planned.ts";

const BROKEN = { kind: "not-applied", error: new Error("A rule."), again: false } as const;
const LOST = { kind: "not-known", error: new Error("A line broke.") } as const;
const BUSY = { kind: "not-applied", error: new Error("A deadlock."), again: true } as const;

const eventOf = (key: string, body = "{}"): NewEvent => ({
  ...{ source: "stripe", key, aliases: [], fingerprint: bytes("f"), type: "paid" },
  ...{ object: "o", route: "webhook", state: "waiting", body: bytes(body) },
});

interface Sent {
  /** The keys of the events, as an array of the database. */
  readonly keys: Cell;
  readonly values: readonly Cell[];
  answer(answer: Answer<readonly Row[]>): void;
}

/** Statements wait until the test answers them. */
function opened() {
  const sent: Sent[] = [];
  const { db } = planned();
  const held: Connections = {
    ...db,
    alone: (_, values) =>
      new Promise((answer) => void sent.push({ keys: values[1] ?? null, values, answer })),
  };
  const accept = accepting(held, tableNames("nevertwice_"), { ms: 0 });
  return { accept, sent, keys: () => sent.map(({ keys }) => keys) };
}

/** The database's answer for events with these numbers, all of them new. */
const taken = (...numbers: number[]): Answer<readonly Row[]> => ({
  kind: "ok",
  value: [[JSON.stringify(numbers.map((number) => [number, true, false]))]],
});

const told = (...numbers: number[]) => ({
  kind: "ok",
  value: numbers.map((number) => ({ number, isNew: true, conflict: false })),
});

/** Two statements in flight, and three calls that wait behind them. */
async function crowded() {
  const world = opened();
  const { accept, sent, keys } = world;
  const first = ["x", "y"].map((key) => accept({ events: [eventOf(key)] }));
  const waiting = [
    accept({ events: [eventOf("a"), eventOf("b")] }),
    accept({ events: [eventOf("c")] }),
  ];
  await settleTurn();
  assert.deepEqual(keys(), ['{"x"}', '{"y"}'], "two are in flight, and no third one");
  sent[0]?.answer(taken(1));
  await settleTurn();
  assert.deepEqual(keys().slice(2), ['{"a","b","c"}'], "what waited leaves together");
  assert.deepEqual(await first[0], told(1));
  return { ...world, waiting, group: sent[2] };
}

test("events that wait leave together, and each call is told of its own", async () => {
  const { waiting, group } = await crowded();
  group?.answer(taken(3, 4, 5));
  assert.deepEqual(await Promise.all(waiting), [told(3, 4), told(5)]);
});

test("where one of the calls broke a rule, each is sent by itself", async () => {
  const { waiting, group, keys, sent } = await crowded();
  group?.answer(BROKEN);
  await settleTurn();
  assert.deepEqual(keys().slice(3), ['{"a","b"}', '{"c"}']);
  sent[3]?.answer(BROKEN);
  sent[4]?.answer(taken(5));
  assert.deepEqual(await Promise.all(waiting), [BROKEN, told(5)]);
});

test("a lost line and a deadlock are the answer of all of them", async () => {
  for (const answer of [LOST, BUSY]) {
    const { waiting, group, sent } = await crowded();
    group?.answer(answer);
    assert.deepEqual(await Promise.all(waiting), [answer, answer]);
    assert.equal(sent.length, 3, "nothing is sent twice");
  }
});

test("a call that breaks a rule by itself is answered once", async () => {
  const { accept, sent } = opened();
  const answer = accept({ events: [eventOf("a")] });
  await settleTurn();
  sent[0]?.answer(BROKEN);
  assert.deepEqual(await answer, BROKEN);
  assert.equal(sent.length, 1);
});

test("a cursor goes alone and at once, with its place before and after", async () => {
  const { accept, sent } = opened();
  for (const key of ["x", "y"]) void accept({ events: [eventOf(key)] });
  const swept = accept({
    events: [eventOf("a")],
    cursor: { source: "stripe", from: undefined, to: "7" },
  });
  const next = accept({ events: [], cursor: { source: "stripe", from: "7", to: "8" } });
  await settleTurn();
  assert.deepEqual(
    sent.slice(2).map(({ values }) => values.slice(-4, -1)),
    [
      ["stripe", null, "7"],
      ["stripe", "7", "8"],
    ],
  );
  sent[2]?.answer({ kind: "ok", value: [["stale"]] });
  sent[3]?.answer(taken());
  assert.deepEqual(await swept, { kind: "ok", value: "stale" });
  assert.deepEqual(await next, { kind: "ok", value: [] });
});

test("no events are taken in without asking", async () => {
  const { accept, sent } = opened();
  assert.deepEqual(await accept({ events: [] }), { kind: "ok", value: [] });
  assert.equal(sent.length, 0);
});

test("bodies that are too long to leave together leave one after the other", async () => {
  const { accept, sent, keys } = opened();
  for (const key of ["x", "y"]) void accept({ events: [eventOf(key)] });
  // Two hexadecimal digits a byte, and four million characters at once.
  const long = "x".repeat(900_000);
  for (const key of ["a", "b", "c"]) void accept({ events: [eventOf(key, long)] });
  await settleTurn();
  sent[0]?.answer(taken(1));
  await settleTurn();
  assert.deepEqual(keys().slice(2), ['{"a","b"}']);
  sent[1]?.answer(taken(2));
  await settleTurn();
  assert.deepEqual(keys().slice(3), ['{"c"}']);
});

test("an event that cannot be sent is not applied, and those beside it are", async () => {
  const { accept, sent } = opened();
  for (const key of ["x", "y"]) void accept({ events: [eventOf(key)] });
  const wrong = accept({ events: [{ ...eventOf("a"), key: 7 as never }] });
  const right = accept({ events: [eventOf("b")] });
  await settleTurn();
  sent[0]?.answer(taken(1));
  await settleTurn();
  assert.deepEqual(sent[2]?.keys, '{"b"}');
  sent[2]?.answer(taken(2));
  assert.deepEqual(await right, told(2));
  const answer = await wrong;
  assert.ok(answer.kind === "not-applied" && !answer.again);
});
