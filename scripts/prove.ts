import { Misused } from "./misused.ts";
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

interface Proof {
  readonly prove: (args: readonly string[]) => Promise<number>;
  readonly about: string;
  readonly usage: string;
}

const PROOFS: Readonly<Record<string, Proof>> = {
  simulation: {
    prove: proveSimulation,
    about: "seeded histories of crashes, lost answers, pauses and duplicates",
    usage:
      "[--minutes 5] [--seed 1] [--histories 1000] [--driver swarm|priority] [--workloads webhook-keyless,webhook-keyed] [--failover] [--relays] [--next] [--threads 2] [--ledger file]",
  },
  exhaustive: {
    prove: proveExhaustive,
    about: "every history of a small scene, with up to so many faults",
    usage:
      "[--scene duplicate|worker] [--workload plain] [--faults 2] [--lasting 2] [--minutes 60] [--threads 2] [--from 0,1,0] [--replay 0,1,0]",
  },
  kills: {
    prove: proveKills,
    about: "processes killed at every named point, on each database",
    usage: "[--db sqlite|postgres] [--minutes 3] [--lanes 3] [--seed 1]",
  },
  storm: {
    prove: proveStorm,
    about: "shops killed at random moments under load",
    usage: "[--kills 1000] [--minutes 60] [--db sqlite|postgres] [--clients 12] [--seed 1]",
  },
  model: {
    prove: proveModel,
    about: "the formal model of the rules, and that changed ones are refuted; needs spin",
    usage: "[--only <name>] [--troubles 2]",
  },
  mutation: {
    prove: proveMutation,
    about: "changes of our own code that the tests must notice",
    usage: "[--room core] [--seed 1] [--without TEST] [src/core/op.ts ...]",
  },
  traffic: {
    prove: proveTraffic,
    about: "events that come late, twice and out of order",
    usage: "[--histories 20000] [--seed 1]",
  },
  fuzz: {
    prove: proveFuzz,
    about: "hostile input for whatever reads it",
    usage: "[--minutes 1] [--seed 1] [--target key] [--input <hexadecimal digits>]",
  },
  wire: {
    prove: proveWire,
    about: "every wire message of every call to Postgres: cut, swallowed, delayed",
    usage:
      "[--method settle] [--driver pg|pg-prepared|postgres.js] [--fault swallow] [--lanes 4] [--patience 400]",
  },
  refinement: {
    prove: proveRefinement,
    about: "the same calls on the store in memory and on each real one agree",
    usage: "[--minutes 5] [--seed 1] [--store pg] [--from 0] [--sequences 1000]",
  },
  soak: {
    prove: proveSoak,
    about: "very many operations in one process, whose memory stays flat",
    usage: "[--store postgres] [--operations 1000000] [--rounds 200] [--seed 1]",
  },
};

const usageOf = (name: string): string =>
  `npm run prove -- ${name} ${PROOFS[name]?.usage ?? ""}`.trimEnd();

function help(): void {
  console.log("What is proved, and how to ask for it. Without a name it is the simulation.\n");
  for (const [name, { about }] of Object.entries(PROOFS)) {
    console.log(`${name}: ${about}`);
    console.log(`  ${usageOf(name)}\n`);
  }
}

/** The first word names the proof; without one it is the simulation. @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const [first = ""] = args;
  const named = first !== "" && !first.startsWith("-");
  const name = named ? first : "simulation";
  const proof = Object.hasOwn(PROOFS, name) ? PROOFS[name] : undefined;
  if (first === "help" || first === "--help" || first === "-h") {
    help();
    return 0;
  }
  if (proof === undefined) {
    console.error(
      `There is no "${name}" to prove. It is one of: ${Object.keys(PROOFS).join(", ")}.`,
    );
    return 2;
  }
  try {
    return await proof.prove(named ? args.slice(1) : args);
  } catch (error) {
    if (!isMisuse(error)) throw error;
    console.error(`${error.message}\nUsage: ${usageOf(name)}`);
    return 2;
  }
}

/** Node names what is wrong with an option, and its errors have a stack that nobody needs. */
function isMisuse(error: unknown): error is Error {
  if (error instanceof Misused) return true;
  return error instanceof Error && "code" in error && /^ERR_PARSE_ARGS_/.test(String(error.code));
}

process.exitCode = await main(process.argv.slice(2));
