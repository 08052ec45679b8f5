import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { commandLine, fillOutbox } from "./traffic.ts";

const root = join(import.meta.dirname, "..", "..");
const directory = mkdtempSync(join(tmpdir(), "nevertwice-outbox-"));
const file = join(directory, "shop.db");
const cli = commandLine(file);
const reason = ["--reason", "seen in the receiver's list"] as const;

before(async () => {
  assert.equal(cli("migrate").code, 0);
  await fillOutbox(file);
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** The state of each message, oldest first. */
function states(...args: string[]): string[] {
  const { code, out, error } = cli("outbox", "list", "--json", ...args);
  assert.equal(code, 0, error);
  return JSON.parse(out)
    .map(({ number, state }: { number: number; state: string }) => `${number} ${state}`)
    .reverse();
}

test("list shows the newest first, with errors and the way out, and filters", () => {
  const { out } = cli("outbox", "list");
  assert.match(out, /^in_doubt +5 +receipt +r5 +- +\S+Z +1\n +Error: no answer t\\u001b/m);
  assert.match(out, /^dead +3 +receipt +r3 .*\n +It was refused/m);
  assert.match(out, /^waiting +4 +receipt +r4 +order_7 +\S+Z +0$/m);
  assert.match(out, /nevertwice outbox settle <number> --sent/);
  assert.ok(out.indexOf("r5") < out.indexOf("r1"));
  assert.deepEqual(states("--state", "in_doubt"), ["2 in_doubt", "5 in_doubt"]);
  assert.deepEqual(states("--limit", "1"), ["5 in_doubt"]);
  assert.equal(cli("outbox", "list", "--topic", "none").out, "No messages.\n");
});

test("show tells what is known of a message, and who staged it", () => {
  const shown = cli("outbox", "show", "2");
  assert.equal(shown.code, 0, shown.error);
  for (const fact of [
    /state +in_doubt/,
    /aggregate +order_7/,
    /staged by +place acct_1 k1/,
    /doubt +a send may have arrived/,
    /last error +Error: no answer t\\u001b/,
    /outbox settle 2 --sent/,
  ])
    assert.match(shown.out, fact);
  assert.equal(JSON.parse(cli("outbox", "show", "1", "--json").out).state, "sent");
});

test("text of strangers is shown, not obeyed", () => {
  for (const args of [["list"], ["show", "2"], ["list", "--json"], ["show", "3", "--json"]]) {
    const { out } = cli("outbox", ...args);
    assert.doesNotMatch(out.replaceAll("\n", ""), /\p{Cc}|\p{Cf}/u, args.join(" "));
  }
});

test("a dry run says what it would do, and changes nothing but the log", () => {
  const dry = cli("outbox", "settle", "--topic", "receipt", "--sent", "--dry-run", ...reason);
  assert.equal(dry.code, 0, dry.error);
  assert.match(dry.out, /^5 receipt r5: it would be kept as sent\n2 receipt r2: it would be/);
  assert.deepEqual(states("--state", "in_doubt"), ["2 in_doubt", "5 in_doubt"]);
  assert.match(cli("outbox", "log").out, /ann +settle --sent \(dry run\) +2 .*receiver's list/);
});

test("one that has arrived is kept as sent, one that has not is sent again", () => {
  const sent = cli("outbox", "settle", "2", "--sent", ...reason);
  assert.equal(sent.code, 0, sent.error);
  assert.match(sent.out, /^2 receipt r2: it is kept as sent\n$/);
  const again = cli("outbox", "settle", "5", "--again", ...reason, "--by", "bob");
  assert.match(again.out, /^5 receipt r5: it is sent again\n$/);
  const dead = cli("outbox", "settle", "--state", "dead", "--again", ...reason);
  assert.match(dead.out, /^3 receipt r3: it is sent again\n$/);
  assert.deepEqual(states(), ["1 sent", "2 sent", "3 waiting", "4 waiting", "5 waiting"]);
  assert.match(cli("outbox", "log").out, /bob +settle --again +1 +numbers=5 limit=1/);
  const log = JSON.parse(cli("outbox", "log", "--json").out);
  assert.deepEqual(
    log.map(({ action, dryRun }: { action: string; dryRun: boolean }) => [action, dryRun]),
    [
      ["outbox.waiting", false],
      ["outbox.waiting", false],
      ["outbox.sent", false],
      ["outbox.sent", true],
    ],
  );
});

test("one that was sent or waits is not settled, and says why", () => {
  const run = cli("outbox", "settle", "1", "4", "--again", ...reason);
  assert.equal(run.code, 1);
  assert.match(run.out, /^1 .*: it was sent, and is never sent again$/m);
  assert.match(run.out, /^4 .*: it waits, and is sent by itself$/m);
});

test("a worker's pass sends what was let go, and tells of it", () => {
  const module = join(directory, "once.ts");
  writeFileSync(
    module,
    `import { DatabaseSync } from "node:sqlite";
import { nevertwice } from ${JSON.stringify(join(root, "src/index.ts"))};
import { sqliteStore } from ${JSON.stringify(join(root, "src/stores/sqlite/store.ts"))};
export const once = nevertwice({
  store: sqliteStore(new DatabaseSync(${JSON.stringify(file)})),
  onEvent: () => undefined,
});
once.relay("receipt", () => ({ id: "m" }));
once.inbox({ source: "acme" }, {});
`,
  );
  const worked = cli("worker", "--module", module, "--once");
  assert.equal(worked.code, 0, worked.error);
  assert.equal(
    worked.out,
    "Found 0 to recover, settled 0.\nFound 0 objects with events, ended 0 events.\n" +
      "Found 3 messages to send, sent 3.\n",
  );
  assert.deepEqual(states(), ["1 sent", "2 sent", "3 sent", "4 sent", "5 sent"]);
  const pass = JSON.parse(cli("worker", "--module", module, "--once", "--json").out);
  assert.deepEqual(pass.relaying, { claimed: 0, sent: 0, reachable: true });
  assert.deepEqual(pass.handling, { objects: 0, ended: 0, reachable: true });
});

test("what is called wrongly is told with code 2, an unknown number with code 3", () => {
  const before = cli("outbox", "log").out;
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["list", "--state", "done"], /--state is one of waiting, sending/],
    [["show", "-1"], /unknown option|A number is/],
    [["show", "9007199254740993"], /A number is/],
    [["settle", "--sent", ...reason], /Name numbers, or --topic or --state/],
    [["settle", "2", ...reason], /Say either --sent or --again/],
    [["settle", "2", "--sent", "--again", ...reason], /Say either --sent or --again/],
    [["settle", "2", "--sent"], /--reason/],
    [["settle", "--state", "sent", "--again", ...reason], /never sent again/],
    [["settle", "2", "--sent", "--limit", "1", ...reason], /Numbers need no --limit/],
  ];
  for (const [args, expected] of wrong) {
    const { code, error } = cli("outbox", ...args);
    assert.match(error, expected, args.join(" "));
    assert.equal(code, 2, args.join(" "));
  }
  assert.equal(cli("outbox", "show", "99").code, 3);
  const unknown = cli("outbox", "settle", "1", "99", "--sent", ...reason);
  assert.equal(unknown.code, 3);
  assert.match(unknown.error, /There is no message 99/);
  assert.equal(cli("outbox", "log").out, before);
});
