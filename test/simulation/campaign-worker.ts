import { parentPort, workerData } from "node:worker_threads";
import { createCampaign, describe, hunt } from "./campaign.ts";
import { ownCode } from "./code.ts";
import type { Report, Task } from "./launch.ts";
import { loadMutant } from "./mutant.ts";
import { loadNext } from "./next-release.ts";

const { seeds, mutant, ...task } = workerData as Task;
const aim = { ...mutant, ...task };
const today = mutant === undefined ? ownCode : await loadMutant(mutant, "simulation");
const code = aim.next
  ? { ...today, next: await loadNext(mutant ? "simulation" : "next", mutant) }
  : today;
const campaign = createCampaign();
const found = await hunt(code, seeds, campaign, aim);
const report: Report = {
  campaign,
  found: found && {
    text: describe(found, aim),
    steps: found.history.trace.count(),
    faults: found.history.faults,
    rule: found.violations[0]?.rule ?? "",
  },
};
parentPort?.postMessage(report);
