import { proveExhaustive } from "./prove-exhaustive.ts";
import { proveFuzz } from "./prove-fuzz.ts";
import { proveKills } from "./prove-kills.ts";
import { proveModel } from "./prove-model.ts";
import { proveMutation } from "./prove-mutation.ts";
import { proveRefinement } from "./prove-refinement.ts";
import { proveSimulation } from "./prove-simulation.ts";
import { proveSoak } from "./prove-soak.ts";
import { proveStorm } from "./prove-storm.ts";
import { proveTraffic } from "./prove-traffic.ts";
import { proveWire } from "./prove-wire.ts";

const PROOFS = {
  simulation: proveSimulation,
  exhaustive: proveExhaustive,
  kills: proveKills,
  storm: proveStorm,
  model: proveModel,
  mutation: proveMutation,
  traffic: proveTraffic,
  fuzz: proveFuzz,
  wire: proveWire,
  refinement: proveRefinement,
  soak: proveSoak,
} as const;

/** The first word names the proof; without one it is the simulation. */
async function main([first = "", ...rest]: readonly string[]): Promise<number> {
  if (first === "" || first.startsWith("-")) return proveSimulation(process.argv.slice(2));
  if (Object.hasOwn(PROOFS, first)) return PROOFS[first as keyof typeof PROOFS](rest);
  console.error(
    `There is no "${first}" to prove. It is one of: ${Object.keys(PROOFS).join(", ")}.`,
  );
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
