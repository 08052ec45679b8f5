import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { type ErrorText, inDoubt, nevertwice, type Report, refused } from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { Order } from "../core/stage.ts";

const CARD = "4242424242424242";
const encryption = { current: "k", keys: { k: new Uint8Array(32).fill(7) } };
const masks: ErrorText = (text) => text.replaceAll(/\d{16}/g, "(a number)");

/** What every table holds after errors of all kinds, and what was reported. */
async function failEverywhere(t: TestContext, errorText: ErrorText | undefined) {
  const directory = mkdtempSync(join(tmpdir(), "nevertwice-errors-"));
  const db = new DatabaseSync(join(directory, "shop.db"));
  t.after(() => {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const reports: Report[] = [];
  const skew = { ms: 0 };
  const store = sqliteStore(db, { skew });
  await store.migrate();
  const once = nevertwice({
    ...{ store, namespace: "test", encryption, attemptsMax: 2 },
    onEvent: (report) => reports.push(report),
    ...(errorText && { errorText }),
  });
  const broken = (name: string) => new Error(`the ${name} of ${CARD}`);
  const fails = once.operation("fails", {
    input: Order,
    handler: () => Promise.reject(broken("handler")),
  });
  const doubts = once.operation("doubts", {
    input: Order,
    handler: async (op) =>
      op.external("charge", {
        send: () => Promise.reject(broken("send")),
        keyed: false,
        judge: () => inDoubt("unanswered"),
        lookUp: { quietMs: 0, find: () => Promise.reject(broken("look-up")) },
      }),
  });
  const stages = once.atomic("stages", {
    input: Order,
    handler: (op) => {
      op.stage("thrown", {});
      op.stage("refused", {});
    },
  });
  once.relay("thrown", () => Promise.reject(broken("relay")));
  once.relay("refused", async () => refused({ said: `the refusal of ${CARD}` }));
  const inbox = once.inbox(
    { source: "acme" },
    {
      paid: () => {
        throw broken("event");
      },
      void: (_, event) => event.refuse(`the reason of ${CARD}`),
    },
    { mode: "queued" },
  );
  const fingerprint = new Uint8Array(32).fill(1);
  for (const type of ["paid", "void"])
    await inbox.accept([{ key: `id:${type}`, type, payload: {}, fingerprint }]);
  const input = { cartId: "c1", amount: 5 };
  for (const operation of [fails, doubts, stages])
    await operation.run({ scope: "acct_1", key: operation.name, input });
  skew.ms += 60_000;
  await doubts.run({ scope: "acct_1", key: "doubts", input });
  await once.worker.runOnce();
  await once.close();
  return { stored: contentOf(db), reports };
}

function contentOf(db: DatabaseSync): string {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return JSON.stringify(tables.map(({ name }) => db.prepare(`SELECT * FROM "${name}"`).all()));
}

const WHERE = ["handler", "send", "look-up", "relay", "refusal", "event", "reason"];

test("the text of an error is stored in clear, unless `errorText` masks it", async (t) => {
  const { stored } = await failEverywhere(t, undefined);
  for (const where of WHERE) assert.ok(stored.includes(`the ${where} of ${CARD}`), where);
  const masked = await failEverywhere(t, masks);
  assert.ok(!masked.stored.includes(CARD));
  for (const where of WHERE) assert.ok(masked.stored.includes(`the ${where} of (a number)`), where);
  const told = masked.reports.flatMap((report) => ("error" in report ? [report] : []));
  const texts = told.map(({ type, error }) => `${type} ${error}`);
  // What the handler threw goes to its own program as it was thrown.
  assert.ok(texts.some((text) => text.startsWith("attempt.failed") && text.includes(CARD)));
  for (const text of texts.filter((text) => !text.startsWith("attempt.failed")))
    assert.ok(!text.includes(CARD), text);
});

test("an error that cannot be masked is not told", async (t) => {
  for (const errorText of [
    () => {
      throw new Error(CARD);
    },
    "no function" as never,
  ]) {
    const { stored } = await failEverywhere(t, errorText);
    assert.ok(!stored.includes(CARD));
    assert.ok(stored.includes("of which `errorText` could tell nothing"));
  }
});

test("what is made of an error is bounded too", async (t) => {
  const { stored } = await failEverywhere(t, () => "x".repeat(100_000));
  assert.ok(stored.includes("x".repeat(500)));
  assert.ok(!stored.includes("x".repeat(501)));
});
