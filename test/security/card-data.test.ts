import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type EncryptionOptions, nevertwice, ok, type Report } from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { commandLine } from "../cli/traffic.ts";
import { Order } from "../core/stage.ts";

const CARD = "4242424242424242";
const CVC = "cvc-737";
const encryption: EncryptionOptions = { current: "k", keys: { k: new Uint8Array(32).fill(7) } };

test("under encryption no card number is in a file, a report or the command line", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "nevertwice-card-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "shop.db");
  const command = commandLine(file);
  assert.equal(command("migrate", "--namespace", "test").code, 0);
  const db = new DatabaseSync(file);
  const reports: Report[] = [];
  const onEvent = (report: Report): void => void reports.push(report);
  const store = sqliteStore(db);
  const once = nevertwice({ store, namespace: "test", encryption, onEvent });
  const pay = once.operation("pay", {
    input: Order,
    handler: async (op, input) => {
      const echo = { card: input.cartId, cvc: CVC };
      await op.external("charge", { input: echo, send: async () => echo });
      await op.atomic("order", (_, write) => {
        write.stage("receipt", echo);
        return echo;
      });
      return ok(echo, 201, { reference: "order_1" });
    },
  });
  const sent: unknown[] = [];
  once.relay("receipt", async ({ payload }) => void sent.push(payload));
  const inbox = once.inbox({ source: "acme" }, { paid: () => undefined }, { mode: "queued" });
  const payload = { card: CARD, cvc: CVC };
  await inbox.accept([
    { key: "id:1", type: "paid", payload, fingerprint: new Uint8Array(32).fill(1) },
  ]);
  const run = await pay.run({ scope: "acct_1", key: "k1", input: { cartId: CARD, amount: 5 } });
  assert.deepEqual(run.kind === "succeeded" && run.body, { card: CARD, cvc: CVC });
  await once.worker.runOnce();
  assert.deepEqual(sent, [{ card: CARD, cvc: CVC }]);
  await once.close();
  db.close();
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name), "latin1"));
  const said = [
    command("list").out,
    command("show", "k1", "--scope", "acct_1").out,
    command("inbox", "list").out,
    command("inbox", "show", "1", "--payload").out,
    command("outbox", "list").out,
  ];
  for (const text of said) assert.ok(text.length > 20, JSON.stringify(said));
  for (const text of [...files, ...said, JSON.stringify(reports)])
    for (const secret of [CARD, CVC]) assert.ok(!text.includes(secret), text.slice(0, 200));
});
