import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { commandLine, fillInbox } from "./traffic.ts";

const directory = mkdtempSync(join(tmpdir(), "nevertwice-inbox-"));
const file = join(directory, "shop.db");
const cli = commandLine(file);
const reason = ["--reason", "the handler was mended"] as const;

before(async () => {
  assert.equal(cli("migrate").code, 0);
  await fillInbox(file);
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** The numbers of the events that a list has, in its order. */
function numbers(...args: string[]): number[] {
  const { code, out, error } = cli("inbox", "list", "--json", ...args);
  assert.equal(code, 0, error);
  return JSON.parse(out).map(({ number }: { number: number }) => number);
}

test("list shows the newest first, with errors, parking and conflicts", () => {
  const { code, out } = cli("inbox", "list");
  assert.equal(code, 0);
  const states = [...out.matchAll(/^(\w+) +(\d+) /gm)].map(
    ([, state, number]) => `${number}${state}`,
  );
  assert.deepEqual(states, [
    ...["8unhandled", "7done", "6superseded", "5done"],
    ...["4unhandled", "3waiting", "2dead", "1done"],
  ]);
  assert.match(out, /^dead +2 +acme +payment\.failed +payment:pi_1 .*\n +no order t\\u001b/m);
  assert.match(out, /^waiting +3 .*\n +waits for order:77\n/m);
  assert.match(out, /^unhandled +4 .* {2}1 conflict$/m);
  assert.match(out, /^done +1 +acme +payment\.succeeded +payment:pi_1 +\S+Z +0 +2$/m);
});

test("list filters by source, state, type and object", () => {
  assert.deepEqual(numbers("--state", "unhandled"), [8, 4]);
  assert.deepEqual(numbers("--state", "dead", "--source", "vault"), []);
  assert.deepEqual(numbers("--type", "payment.succeeded"), [7, 1]);
  assert.deepEqual(numbers("--object", "payment:pi_1"), [6, 5, 2, 1]);
  assert.deepEqual(numbers("--limit", "2"), [8, 7]);
  assert.equal(cli("inbox", "list", "--source", "none").out, "No events.\n");
});

test("show tells what is known, and the payload only when it is asked for", () => {
  const shown = cli("inbox", "show", "4");
  assert.equal(shown.code, 0, shown.error);
  for (const fact of [
    /state +unhandled/,
    /key +id:evt_4/,
    /happened +2023-11-14T22:13:20/,
    /deliveries +2/,
    /conflicts +1 conflict: .*other bytes/,
    /body +\d+ bytes; --payload prints it/,
    /nevertwice inbox redeliver 4/,
  ])
    assert.match(shown.out, fact);
  assert.doesNotMatch(shown.out, /"name"/);
  assert.match(cli("inbox", "show", "4", "--payload").out, /"name": "t\\u001b\[2J\\u009b\\u202e"/);
  assert.match(cli("inbox", "show", "7").out, /route +only a sweep has found it/);
  assert.match(cli("inbox", "show", "3").out, /waits for +order:77\n +handled at +20/);
});

test("a sealed body says so and stays sealed", () => {
  const shown = cli("inbox", "show", "8", "--payload");
  assert.equal(shown.code, 0);
  assert.match(shown.out, /no payload to show: its body is sealed/);
  const document = JSON.parse(cli("inbox", "show", "8", "--payload", "--json").out);
  assert.equal(document.body, "sealed");
  assert.ok(!("payload" in document));
  const clear = JSON.parse(cli("inbox", "show", "1", "--payload", "--json").out);
  assert.deepEqual(clear.payload, { id: "evt_1" });
  assert.deepEqual([clear.object, clear.about], ["payment:pi_1", { kind: "payment", id: "pi_1" }]);
});

test("text of strangers is shown, not obeyed, in JSON too", () => {
  for (const args of [["list"], ["list", "--json"], ["show", "4", "--payload"], ["show", "2"]]) {
    const { out } = cli("inbox", ...args);
    assert.match(out, /u001b/);
    assert.doesNotMatch(out.replaceAll("\n", ""), /\p{Cc}|\p{Cf}/u, args.join(" "));
  }
});

test("counts tells per source what came, and what only a sweep has found", () => {
  const { out } = cli("inbox", "counts");
  assert.match(out, /^acme +7 +1 \(14\.3 %\) +1 +1 +9 +1$/m);
  assert.match(out, /^vault +1 +0 \(0\.0 %\) +0 +0 +1 +0$/m);
  const [acme] = JSON.parse(cli("inbox", "counts", "--json").out);
  assert.equal(acme.sweptShare, 1 / 7);
});

test("a dry run says what it would do, and changes nothing but the log", () => {
  const dry = cli("inbox", "redeliver", "2", "4", "--dry-run", ...reason);
  assert.equal(dry.code, 0, dry.error);
  assert.match(dry.out, /^2 acme payment\.failed payment:pi_1: it would wait again$/m);
  assert.match(dry.out, /A dry run: nothing was changed\./);
  assert.deepEqual(numbers("--state", "waiting"), [3]);
  assert.match(
    cli("inbox", "log").out,
    /ann +redeliver \(dry run\) +2 +numbers=2,4 limit=2 +the handler was mended/,
  );
});

test("a filter means the dead ones unless it says otherwise", () => {
  const run = cli("inbox", "redeliver", "--source", "acme", ...reason, "--by", "bob");
  assert.equal(run.code, 0, run.error);
  assert.match(run.out, /^2 acme .*: it waits again\n$/);
  assert.deepEqual(numbers("--state", "waiting"), [3, 2]);
  const again = cli("inbox", "redeliver", "--source", "acme", ...reason);
  assert.match(again.out, /^No event is one that this is for\.\n$/);
  const one = cli("inbox", "redeliver", "--state", "unhandled", "--limit", "1", ...reason);
  assert.match(one.out, /^8 vault .*: it waits again\nThere may be more: --limit/);
  const log = JSON.parse(cli("inbox", "log", "--json").out);
  assert.deepEqual(
    log.map((ruling: { by: string; count: number; dryRun: boolean }) => ruling.by + ruling.count),
    ["ann1", "ann0", "bob1", "ann2"],
  );
  assert.deepEqual(log[2].filter, { state: "dead", source: "acme", limit: 100 });
});

test("what was done is never redelivered, and says why; the others named are", () => {
  const run = cli("inbox", "redeliver", "1", "3", "6", ...reason);
  assert.equal(run.code, 1);
  assert.match(run.out, /^1 .*: it was done, and what it did is committed/m);
  assert.match(run.out, /^3 .*: it waits already$/m);
  assert.match(run.out, /^6 .*: it waits again$/m);
  const [first] = JSON.parse(cli("inbox", "list", "--json", "--limit", "1000").out).slice(-1);
  assert.deepEqual([first.number, first.state], [1, "done"]);
});

test("an unknown number is told with code 3, and nothing is ordered", () => {
  assert.equal(cli("inbox", "show", "99").code, 3);
  const before = cli("inbox", "log").out;
  const run = cli("inbox", "redeliver", "4", "99", ...reason);
  assert.equal(run.code, 3);
  assert.match(run.error, /There is no event 99\. Nothing was changed\./);
  assert.deepEqual(numbers("--state", "unhandled"), [4]);
  assert.equal(cli("inbox", "log").out, before);
});

test("what is called wrongly is told in a sentence, with code 2, and nothing is ordered", () => {
  const before = cli("inbox", "log").out;
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["list", "--state", "lost"], /--state is one of waiting, done/],
    [["list", "--object", "pi_1"], /--object is a kind and an id/],
    [["list", "--limit", "1e3"], /--limit is a number from 1 to 1000/],
    [["show", "0x1"], /A number is one of those that `list` prints/],
    [["show"], /missing required argument 'number'/],
    [["redeliver", ...reason], /Name numbers, or --source/],
    [["redeliver", "--limit", "5", ...reason], /Name numbers, or --source/],
    [["redeliver", "4"], /--reason/],
    [["redeliver", "4", "--limit", "1", ...reason], /Numbers need no --limit/],
    [["redeliver", "--state", "done", ...reason], /what it did is committed/],
    [["redeliver", "--state", "waiting", ...reason], /it waits already/],
    [[], /Usage: nevertwice inbox/],
  ];
  for (const [args, expected] of wrong) {
    const { code, error } = cli("inbox", ...args);
    assert.match(error, expected, args.join(" "));
    assert.equal(code, 2, args.join(" "));
  }
  assert.equal(cli("inbox", "log").out, before);
});

test("a pruned body is told as such, and its event is not redelivered", () => {
  for (const [given, expected] of [
    [["--event-keys", "60d"], /goes with --events/],
    [["--events", "90d", "--event-keys", "60d"], /no shorter/],
    [["--events", "7d", "--event-keys", "30d"], /35d or more/],
  ] as const) {
    const { code, error } = cli("prune", ...given);
    assert.match(error, expected);
    assert.equal(code, 2);
  }
  const kept = JSON.parse(cli("prune", "--events", "7d", "--messages", "7d", "--json").out);
  assert.deepEqual(kept, { responses: 0, tombstones: 0, bodies: 0, keys: 0, messages: 0 });
  const pruned = JSON.parse(cli("prune", "--events", "0s", "--json").out);
  assert.ok(pruned.bodies > 0);
  assert.equal(pruned.keys, 0);
  assert.match(
    cli("prune", "--events", "0s", "--messages", "7d").out,
    /^Pruned 0 responses, 0 tombstones, 0 bodies of events, 0 keys of events and 0 messages\.$/m,
  );
  assert.match(
    cli("inbox", "show", "4", "--payload").out,
    /no payload to show: its body is pruned/,
  );
  const run = cli("inbox", "redeliver", "4", ...reason);
  assert.equal(run.code, 1);
  assert.match(run.out, /^4 .*: its body is pruned/m);
});
