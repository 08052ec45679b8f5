import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const directory = mkdtempSync(join(tmpdir(), "nevertwice-settle-"));
const file = join(directory, "shop.db");
const module = join(directory, "once.ts");

/** The user's own module: a keyless effect whose first answer is lost, and a wrapped handler. */
const MODULE = `
import { appendFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { nevertwice, ok } from ${JSON.stringify(join(root, "src/index.ts"))};
import { sqliteStore } from ${JSON.stringify(join(root, "src/stores/sqlite/store.ts"))};

const input = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
export const once = nevertwice({
  store: sqliteStore(new DatabaseSync(${JSON.stringify(file)})),
  namespace: "test",
  onEvent: () => undefined,
});
export const wire = once.operation("wire", {
  input,
  handler: async (op) => {
    const send = async () => {
      appendFileSync(${JSON.stringify(join(directory, "sent"))}, op.key + "\\n");
      if (op.attempt === 1 && !process.env.WORKING) throw new Error("no answer");
      return { id: "tr_sent" };
    };
    const retrieve = (reference) => ({ id: reference });
    const sent = await op.external("transfer", { keyed: false, send, retrieve });
    return ok({ id: sent.value.id }, 201);
  },
});
`;

function run(args: readonly string[], env: Record<string, string> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { code: status, out: stdout, error: stderr };
}

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** The command line as a person calls it. */
function cli(...args: string[]): Ran {
  return run(["--conditions=source", "src/cli/main.ts", ...args], { USER: "ann", WORKING: "1" });
}

const on = ["--db", file, "--scope", "acct_1"] as const;
const reason = ["--reason", "seen in the bank's list"] as const;

function sent(key: string): number {
  const { out } = run([
    "-e",
    `process.stdout.write(require("fs").readFileSync("${directory}/sent"))`,
  ]);
  return out.split("\n").filter((line) => line === key).length;
}

before(() => {
  assert.equal(cli("migrate", "--db", file, "--namespace", "test").code, 0);
  writeFileSync(module, MODULE);
  const script = `
    const { once, wire } = await import(${JSON.stringify(module)});
    for (const key of ["k1", "k2", "k3", "k4"])
      await wire.run({ scope: "acct_1", key, input: {}, origin: "http" });
    await once.close();`;
  const { code, error } = run(["--conditions=source", "--input-type=module", "-e", script]);
  assert.equal(code, 0, error);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test("in-doubt lists what waits for a person, with the step and the way out", () => {
  const { code, out } = cli("in-doubt", "--db", file);
  assert.equal(code, 0);
  assert.match(out, /wire +acct_1 +k1 +effect-unknown +transfer .* a person/);
  assert.match(out, /nevertwice settle <key>/);
  const [first] = JSON.parse(cli("in-doubt", "--db", file, "--json", "--limit", "1").out);
  assert.equal(first.steps[0].name, "transfer");
});

test("H11: a person says that a step was executed, and the operation runs on to its end", () => {
  const word = ["--step", "transfer", "--executed", "tr_77", ...reason];
  const settled = cli("settle", "k1", ...on, ...word);
  assert.equal(settled.code, 0, settled.error);
  assert.match(settled.out, /k1: kept as evidence/);
  const worked = cli("worker", "--module", module, "--once");
  assert.equal(worked.code, 0, worked.error);
  assert.match(worked.out, /settled 1/);
  const { out } = cli("show", "k1", ...on);
  assert.match(out, /succeeded, 201/);
  assert.match(out, /evidence .*transfer executed, from person, reference tr_77, seen in.*by ann/);
  assert.equal(sent("k1"), 1);
  const again = cli("settle", "k1", ...on, ...word);
  assert.equal(again.code, 1);
  assert.match(again.out, /final already/);
});

test("a person says that a step was not executed, and it is sent once more", () => {
  const settled = cli("settle", "k2", ...on, "--step", "transfer", "--not-executed", ...reason);
  assert.equal(settled.code, 0, settled.error);
  assert.match(cli("worker", "--module", module, "--once").out, /settled 1/);
  assert.equal(sent("k2"), 2);
  assert.match(cli("show", "k2", ...on).out, /succeeded, 201/);
});

test("many are settled from a file", () => {
  const lines = join(directory, "words.jsonl");
  const line = (key: string): string =>
    JSON.stringify({ scope: "acct_1", key, step: "transfer", executed: `tr_${key}` });
  writeFileSync(lines, `${line("k3")}\n${line("k4")}\n`);
  const { code, out, error } = cli("settle", "--db", file, "--from", lines, ...reason);
  assert.equal(code, 0, error);
  assert.match(out, /k3: kept[\s\S]*k4: kept/);
  assert.match(cli("worker", "--module", module, "--once").out, /settled 2/);
});

test("a word without a reason, a step or a finding is refused, and says what is missing", () => {
  for (const [args, said] of [
    [["k1", ...on, "--step", "transfer", "--not-executed"], /--reason/],
    [["k1", ...on, ...reason, "--not-executed"], /--step/],
    [["k1", ...on, ...reason, "--step", "transfer"], /--executed <reference> or --not-executed/],
    [["k1", "--db", file, ...reason, "--step", "transfer", "--not-executed"], /--scope/],
    [["--db", file, ...reason], /--from/],
  ] as const) {
    const { code, error } = cli("settle", ...args);
    assert.equal(code, 2);
    assert.match(error, said);
  }
  const unknown = cli("settle", "nope", ...on, "--step", "x", "--not-executed", ...reason);
  assert.equal(unknown.code, 3);
  const missing = cli("worker", "--module", join(directory, "nothing.js"));
  assert.equal(missing.code, 2);
  assert.match(missing.error, /cannot be loaded/);
});
