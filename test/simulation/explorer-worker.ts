import { parentPort, threadId, workerData } from "node:worker_threads";
import { createCampaign, describe, explore, shrink } from "./campaign.ts";
import { ownCode } from "./code.ts";
import type { Progress, Share } from "./explorer.ts";
import { loadNext } from "./next-release.ts";

const REPORT_MS = 2_000;

const { seed, stride, histories, minutes, driver, ...aim } = workerData as Share;
const code = aim.next ? { ...ownCode, next: await loadNext(`thread-${threadId}`) } : ownCode;
const campaign = createCampaign(driver);
const start = performance.now();
const end = start + minutes * 60_000;
let told = start;
let text: string | undefined;
const report = (ended: boolean): void =>
  parentPort?.postMessage({ campaign, found: text, ended } satisfies Progress);

while (campaign.histories < histories && performance.now() < end) {
  const found = await explore(code, seed + campaign.histories * stride, campaign, aim);
  if (found) {
    text = describe(await shrink(code, found, { ...aim, driver }), { ...aim, driver });
    break;
  }
  if (performance.now() - told < REPORT_MS) continue;
  told = performance.now();
  report(false);
}
report(true);
