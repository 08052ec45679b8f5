import assert from "node:assert/strict";
import { after, test } from "node:test";
import { launch } from "./launch.ts";
import { clearMutants } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

const SEEDS_MAX = 6_000;
const UNPATCHED_SEEDS = 500;

after(() => clearMutants("simulation"));

test("an unpatched copy of the sources breaks nothing", async () => {
  const { found } = await launch({ seeds: UNPATCHED_SEEDS, mutant: { name: "none", patches: [] } });
  assert.equal(found?.text, undefined);
});

for (const mutant of MUTANTS)
  test(`the simulation finds the mutant ${mutant.name}`, async (context) => {
    const { found, campaign } = await launch({ seeds: SEEDS_MAX, mutant });
    assert.ok(found, `${SEEDS_MAX} histories show nothing wrong with it`);
    context.diagnostic(
      `found after ${campaign.histories} histories; its shortest has ${found.steps} steps ` +
        `and ${found.faults} faults: ${found.rule}`,
    );
  });
