import { parseArgs } from "node:util";
import { createTally, playAll, TRAFFICS } from "../test/simulation/traffic/campaign.ts";
import { Misused } from "./misused.ts";

/** Plays histories of events that come late, twice and out of order. @returns the exit code */
export async function proveTraffic(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      histories: { type: "string", default: "20000" },
      seed: { type: "string", default: "1" },
    },
  });
  const [histories, seed] = [Number(values.histories), Number(values.seed)];
  if (!(histories > 0) || !Number.isSafeInteger(seed)) {
    throw new Misused("The numbers make no sense.");
  }
  console.log(`${histories} histories a row, seeds from ${seed} on.\n`);
  console.log(
    "| traffic | wrong final states | effects per event | doubled | reads per delivery |",
  );
  console.log("|---|---|---|---|---|");
  let broken = false;
  for (const [name, traffic] of Object.entries(TRAFFICS)) {
    const tally = await playAll(traffic, seed, histories, createTally());
    const perEvent = (tally.effects / tally.events).toFixed(4);
    const perDelivery = (tally.reads / tally.deliveries).toFixed(2);
    console.log(`| ${name} | ${tally.wrong} | ${perEvent} | ${tally.doubled} | ${perDelivery} |`);
    if (tally.broken !== undefined) console.log(`Broken by the seed ${tally.broken}.`);
    broken ||= tally.broken !== undefined;
  }
  return broken ? 1 : 0;
}
