import { type Mutant, patch } from "./mutant.ts";

const OPERATION = "model/operation.ts";

/** What takes a database for the one that it was before it forgot its newest commits. */
export const FAILOVER_MUTANTS: readonly Mutant[] = [
  {
    name: "fence-alone-names-the-claim",
    patches: [
      patch(
        OPERATION,
        "return record.fence === fence && record.attemptId === attemptId;",
        "return record.fence === fence;",
      ),
    ],
    failover: true,
  },
  {
    name: "forgotten-steps-unnoticed",
    patches: [patch(OPERATION, "progressOf(record.steps) >= seen", "seen >= 0")],
    failover: true,
  },
];
