import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { fail, nevertwice, ok } from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { Order } from "../core/stage.ts";

const directory = mkdtempSync(join(tmpdir(), "nevertwice-cli-"));
const file = join(directory, "shop.db");
const HOSTILE = "k\u001b[2J\u202e";

/** The command line as a person calls it. */
function cli(...args: string[]): { code: number | null; out: string; error: string } {
  const command = ["--conditions=source", "src/cli/main.ts", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { code: status, out: stdout, error: stderr };
}

before(async () => {
  assert.equal(cli("migrate", "--db", file, "--namespace", "test").code, 0);
  const db = new DatabaseSync(file);
  const once = nevertwice({ store: sqliteStore(db), namespace: "test", onEvent: () => undefined });
  const input = { cartId: "c1", amount: 5 };
  const pay = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", { send: async () => ({ id: "ch_1" }) });
      return ok({ done: true }, 201, { reference: "order_7" });
    },
  });
  await pay.run({ scope: "acct_1", key: "k1", input });
  const decline = once.operation("decline", { input: Order, handler: () => fail({}, 402) });
  await decline.run({ scope: "acct_2", key: "k2", input });
  const wire = once.operation("wire", {
    input: Order,
    handler: async (op) => {
      const send = async () => {
        throw new Error(`no answer ${HOSTILE}`);
      };
      await op.external("transfer", { keyed: false, send });
    },
  });
  await wire.run({ scope: "acct_1", key: "k3", input });
  await once.close();
  db.close();
});
after(() => rmSync(directory, { recursive: true, force: true }));

test("list shows the newest first, and filters by state, name and scope", () => {
  const all = cli("list", "--db", file);
  assert.equal(all.code, 0);
  assert.deepEqual(all.out.match(/k\d/g), ["k3", "k2", "k1"]);
  assert.match(
    cli("list", "--db", file, "--state", "in_doubt").out,
    /in_doubt\s+wire\s+acct_1\s+k3/,
  );
  assert.doesNotMatch(cli("list", "--db", file, "--scope", "acct_1").out, /k2/);
  assert.doesNotMatch(cli("list", "--db", file, "--name", "pay").out, /k2|k3/);
  assert.equal(cli("list", "--db", file, "--name", "none").out, "No operations.\n");
});

test("show tells state, attempts, steps, outcome and what may be retried", () => {
  const shown = cli("show", "k1", "--scope", "acct_1", "--db", file);
  assert.equal(shown.code, 0);
  for (const fact of [
    /succeeded, 201/,
    /reference order_7/,
    /step\s+charge \(external\): succeeded/,
    /stored outcome is replayed/,
  ]) {
    assert.match(shown.out, fact);
  }
  const doubt = cli("show", "k3", "--scope", "acct_1", "--db", file).out;
  assert.match(doubt, /effect-unknown/);
  assert.match(doubt, /begun, result not known/);
  assert.match(doubt, /only a person can settle/);
});

test("text of strangers is shown, not obeyed, and no colours go into a pipe", () => {
  const { out } = cli("show", "k3", "--scope", "acct_1", "--db", file);
  assert.ok(!out.includes("\u001b") && !out.includes("\u202e"));
  assert.match(out, /\\u001b\[2J\\u202e/);
});

test("--json gives one document without bodies and digests", () => {
  const [document] = JSON.parse(cli("show", "k1", "--scope", "acct_1", "--db", file, "--json").out);
  assert.equal(document.state, "succeeded");
  assert.equal(document.steps[0].result, "succeeded");
  assert.equal(document.outcome.reference, "order_7");
  assert.deepEqual(
    Object.keys(document).filter((name) => /input|body|fingerprint|recipe/.test(name)),
    [],
  );
  assert.equal(JSON.parse(cli("list", "--db", file, "--json").out).length, 3);
});

test("an unknown key and another account's key are answered alike, with code 3", () => {
  const unknown = cli("show", "nope", "--scope", "acct_1", "--db", file);
  const foreign = cli("show", "k1", "--scope", "acct_2", "--db", file);
  assert.equal(unknown.code, 3);
  assert.deepEqual(foreign, unknown);
});

test("prune takes old responses away, and the key stays known", () => {
  assert.match(cli("prune", "--db", file).out, /Pruned 0 responses/);
  const pruned = cli("prune", "--db", file, "--older-than", "0s", "--json");
  assert.deepEqual(JSON.parse(pruned.out), { responses: 2, tombstones: 0 });
  assert.match(
    cli("show", "k1", "--scope", "acct_1", "--db", file).out,
    /response pruned, reference order_7/,
  );
});

test("migrating again does nothing; another namespace is refused", () => {
  assert.match(cli("migrate", "--db", file).out, /up to date/);
  const other = cli("migrate", "--db", file, "--namespace", "production");
  assert.equal(other.code, 1);
  assert.match(other.error, /belongs to the namespace "test"/);
});

test("sql prints DDL that a fresh database takes", () => {
  const { out } = cli("sql", "sqlite", "--prefix", "pay_");
  const db = new DatabaseSync(":memory:");
  db.exec(out);
  const tables = db.prepare("select name from sqlite_schema where type = 'table'").all();
  assert.ok(tables.some(({ name }) => name === "pay_operation"));
  db.close();
  assert.match(cli("sql", "postgres").out, /CREATE TABLE nevertwice_operation/);
});

test("what is called wrongly is told in a sentence that names the way out, with code 2", () => {
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["list"], /--db <file or postgres:\/\/ URL>/],
    [["list", "--db", file, "--state", "lost"], /--state is one of running/],
    [["list", "--db", file, "--limit", "0"], /--limit is a number/],
    [["show", "k1", "--db", file], /--scope/],
    [["show", "k1", "--scope", "a", "--origin", "mars", "--db", file], /"http" or "own"/],
    [["prune", "--db", file, "--older-than", "soon"], /30s, 12h or 7d/],
    [["sql", "oracle"], /"postgres" or "sqlite"/],
    [["lst"], /Did you mean list/],
    [["demo", "--port", "http"], /port must be a number/],
  ];
  for (const [args, expected] of wrong) {
    const { code, error } = cli(...args);
    assert.match(error, expected, args.join(" "));
    assert.equal(code, 2, args.join(" "));
  }
});

test("a store that is not there is told as such, with code 1, and no file is made", () => {
  const missing = cli("list", "--db", join(directory, "none.db"));
  assert.equal(missing.code, 1);
  assert.match(missing.error, /nevertwice migrate --db/);
  const down = cli("list", "--db", "postgres://127.0.0.1:1/none");
  assert.equal(down.code, 1);
  assert.match(down.error, /ECONNREFUSED/);
});
