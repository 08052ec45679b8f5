import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { errorLine } from "../../src/core/error-line.ts";
import { createEvents } from "../../src/core/events.ts";
import type { Report } from "../../src/index.ts";
import { id, settleTurn } from "./acquirer.ts";

type Told = readonly [code: string | undefined, message: string, detail: string | undefined];

/** The warnings that the process gives while something happens. */
async function warningsOf(work: () => void): Promise<Told[]> {
  const told: Told[] = [];
  const hear = ({ code, message, detail }: Error & { code?: string; detail?: string }): void =>
    void told.push([code, message, detail]);
  process.on("warning", hear);
  work();
  await settleTurn();
  process.off("warning", hear);
  return told;
}

const error = new Error("no luck");
const run = { id, name: "pay", fence: 1 };
const inbox = { type: "inbox.failed", source: "stripe", error } as const;

const FAILURES: readonly (readonly [Report, code: string, names: string])[] = [
  [{ type: "attempt.failed", ...run, error }, "NEVERTWICE_ATTEMPT_FAILED", '"pay"'],
  [{ type: "store.failed", ...run, error }, "NEVERTWICE_STORE_FAILED", '"pay"'],
  [inbox, "NEVERTWICE_INBOX_FAILED", '"stripe"'],
  [{ type: "outbox.failed", error }, "NEVERTWICE_OUTBOX_FAILED", "outbox"],
];

for (const [event, code, names] of FAILURES)
  test(`what failed becomes a warning where nobody listens, with its code and stack: ${event.type}`, async () => {
    const told = await warningsOf(() => createEvents(undefined).emit(event));
    assert.equal(told.length, 1);
    const [[given, message, detail] = []] = told;
    assert.equal(given, code);
    assert.ok(message?.includes(names), message);
    assert.equal(detail, error.stack);
  });

test("a warning says what it can of an error that has no stack, or is none", async () => {
  const bare = Object.assign(new Error("bare"), { stack: undefined });
  for (const [thrown, detail] of [
    [bare, "bare"],
    ["a text", "a text"],
    [{ code: 7 }, "[object Object]"],
    [Object.create(null), "Something was thrown that has no text."],
  ] as const) {
    const [[, , given] = []] = await warningsOf(() =>
      createEvents(undefined).emit({ ...inbox, error: thrown }),
    );
    assert.equal(given, detail);
  }
});

test("what did not fail warns of nothing, however often it happens", async () => {
  const events = createEvents(undefined);
  const told = await warningsOf(() => {
    events.emit({ type: "operation.replayed", ...run });
    events.emit({ type: "webhook.refused", source: "stripe", code: "key-malformed" });
    events.emit({ type: "message.sent", topic: "mail", number: 1 });
  });
  assert.deepEqual(told, []);
  assert.equal(events.isHeard(), false);
});

test("an error that somebody listens for is theirs, and is no warning", async () => {
  const heard: Report[] = [];
  const listening = createEvents((event) => void heard.push(event));
  assert.equal(listening.isHeard(), true);
  assert.deepEqual(await warningsOf(() => listening.emit(inbox)), []);
  const hear = (event: unknown): void => void heard.push(event as Report);
  subscribe("nevertwice", hear);
  const silent = createEvents(undefined);
  try {
    assert.equal(silent.isHeard(), true);
    assert.deepEqual(await warningsOf(() => silent.emit(inbox)), []);
  } finally {
    unsubscribe("nevertwice", hear);
  }
  assert.deepEqual(heard, [inbox, inbox]);
});

for (const [how, listener] of [
  ["throws", () => assert.fail("deaf")],
  ["rejects", async () => assert.fail("deaf")],
] as const)
  test(`a listener that ${how} changes nothing, and is a warning`, async () => {
    const told = await warningsOf(() => createEvents(listener).emit(inbox));
    assert.equal(told.length, 1);
    const [[code, message, detail] = []] = told;
    assert.equal(code, "NEVERTWICE_LISTENER_FAILED");
    assert.match(message ?? "", /"inbox\.failed"/);
    assert.match(detail ?? "", /deaf/);
  });

test("what both a listener and a subscriber hear, each hears once", () => {
  const heard: string[] = [];
  const hear = (): void => void heard.push("channel");
  subscribe("nevertwice", hear);
  createEvents(() => void heard.push("listener")).emit(inbox);
  unsubscribe("nevertwice", hear);
  assert.deepEqual(heard.toSorted(), ["channel", "listener"]);
});

test("a line of an error has its cause, and no character that a database would refuse", () => {
  const caused = new Error("It broke.", { cause: new Error("The disk\0 is \uD800full.") });
  assert.equal(errorLine(caused), "Error: It broke.: The disk is \uFFFDfull.");
});
