import { parentPort, workerData } from "node:worker_threads";
import { createCampaign, describe, hunt } from "./campaign.ts";
import { ownCode } from "./code.ts";
import type { Report, Task } from "./launch.ts";
import { loadMutant } from "./mutant.ts";

const { seeds, mutant, workloads = mutant?.workloads } = workerData as Task;
const code = mutant === undefined ? ownCode : await loadMutant(mutant, "simulation");
const campaign = createCampaign();
const found = await hunt(code, seeds, campaign, workloads);
const report: Report = {
  campaign,
  found: found && {
    text: describe(found, { workloads }),
    steps: found.history.trace.count(),
    faults: found.history.faults,
    rule: found.violations[0]?.rule ?? "",
  },
};
parentPort?.postMessage(report);
