import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launchSearch } from "./launch.ts";
import { clearMutants } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

const WHOLE = [
  { scene: "duplicate", workload: "plain", faults: 1, lasting: 0 },
  { scene: "worker", workload: "plain", faults: 2, lasting: 0 },
  { scene: "worker", workload: "plain", faults: 1 },
  { scene: "worker", workload: "checkout", faults: 1 },
  { scene: "worker", workload: "keyless", faults: 1 },
] as const;

/** Each is found by trying everything with one fault, which lasts or not. */
const FOUND = [
  { name: "provider-key-per-attempt", lasting: 1 },
  { name: "lease-ignored", lasting: 1 },
  { name: "no-fence", lasting: 1 },
  { name: "key-deleted-on-throw", lasting: 0 },
  { name: "timeout-is-a-decline", lasting: 0 },
  { name: "throw-stored-as-failure", lasting: 0 },
] as const;
/** A shorter history often comes soon after the first. */
const PATIENCE = 300;

after(() => clearMutants("search"));

for (const task of WHOLE)
  test(`no order of the ${task.scene} scene of ${task.workload} with up to ${task.faults} faults${"lasting" in task ? ", none lasting," : ""} breaks a promise`, async (context) => {
    const start = performance.now();
    const report = await launchSearch(task);
    if (report.shortest) assert.fail(report.shortest.text);
    const seconds = ((performance.now() - start) / 1_000).toFixed(1);
    context.diagnostic(
      `complete: ${report.histories} histories, ${report.pruned} prefixes pruned, ` +
        `${report.ends.size} distinct ends, ${seconds} s, no violation`,
    );
    for (const [meeting, count] of [...report.met].sort())
      context.diagnostic(`${meeting} ${count}`);
    assert.ok(report.ends.size > 1, "the scene has more than one end");
  });

/** Small enough to be searched with less left out. */
const CHECKED = [
  { scene: "duplicate", workload: "plain", faults: 0 },
  { scene: "worker", workload: "plain", faults: 1, lasting: 0 },
  { scene: "duplicate", workload: "plain", faults: 1, lasting: 0, merges: true },
  { scene: "worker", workload: "plain", faults: 1, merges: true, long: true },
] as const;
const LONG =
  process.env["NEVERTWICE_PROVE"] === "1" ? {} : { skip: "takes long; set NEVERTWICE_PROVE=1" };

for (const task of CHECKED)
  test(
    `what is left out of the ${task.scene} scene changes no end, ${task.faults} faults${"lasting" in task ? ", none lasting" : ""}`,
    "long" in task ? LONG : {},
    async (context) => {
      const { ends, ...few } = await launchSearch({ ...task, merges: true });
      const ways = [{ thorough: true }, { merges: false }, { merges: false, thorough: true }];
      // Where the tree is too large, orders are checked with merging, and merging without them.
      for (const way of "merges" in task ? ways.slice(0, 1) : ways) {
        const report = await launchSearch({ ...task, ...way });
        assert.equal(report.violations, few.violations, JSON.stringify(way));
        assert.deepEqual([...report.ends].sort(), [...ends].sort(), JSON.stringify(way));
        const played = report.histories + report.pruned;
        context.diagnostic(
          `${JSON.stringify(way)}: ${played} instead of ${few.histories + few.pruned}`,
        );
      }
    },
  );

/** Where it cannot be searched without merging, some situations are gone on from again. */
const REPEATED = [
  { scene: "duplicate", workload: "plain", faults: 1, lasting: 0, repeats: 3 },
  { scene: "worker", workload: "keyless", faults: 1, lasting: 1, repeats: 5 },
  { scene: "worker", workload: "checkout", faults: 1, lasting: 1, repeats: 5, long: true },
] as const;

for (const { repeats, ...task } of REPEATED)
  test(
    `going on again finds no other end of ${task.scene}, ${task.workload}`,
    "long" in task ? LONG : {},
    async (context) => {
      const few = await launchSearch(task);
      const many = await launchSearch({ ...task, repeats });
      assert.equal(many.violations, few.violations);
      assert.deepEqual([...many.ends].sort(), [...few.ends].sort());
      assert.ok(many.histories > few.histories, "nothing was played again");
      context.diagnostic(`${many.histories} histories instead of ${few.histories}`);
    },
  );

test("merging changes no end where a fault lasts", LONG, async (context) => {
  const task = { scene: "worker", workload: "plain", faults: 1 } as const;
  const [merged, whole] = [
    await launchSearch(task),
    await launchSearch({ ...task, merges: false }),
  ];
  assert.deepEqual([...merged.ends].sort(), [...whole.ends].sort());
  context.diagnostic(`${whole.histories} histories instead of ${merged.histories}`);
});

for (const { name, lasting } of FOUND)
  test(`trying everything finds the mutant ${name}`, async (context) => {
    const mutant = MUTANTS.find((one) => one.name === name);
    assert.ok(mutant);
    const task = { scene: "worker", workload: "plain", mutant, patience: PATIENCE } as const;
    const calm = await launchSearch({ ...task, faults: 0 });
    assert.equal(calm.shortest, undefined, "it takes no fault at all");
    const { shortest, histories, pruned } = await launchSearch({ ...task, faults: 1, lasting });
    assert.ok(shortest, "one fault shows nothing wrong with it");
    assert.equal(shortest.faults, 1);
    context.diagnostic(`after ${histories} histories and ${pruned} prefixes:\n${shortest.text}`);
  });
