import { type Mutant, patch } from "./mutant.ts";

const RESOLVE = "core/resolve.ts";

/** What takes a provider for better than it is. */
export const VENDOR_MUTANTS: readonly Mutant[] = [
  {
    name: "key-remembered-for-ever",
    patches: [patch(RESOLVE, 'if (run.databaseNow() >= limit) return "no";\n', "")],
    workloads: ["forgetful"],
  },
  {
    name: "absence-before-it-is-quiet",
    patches: [patch(RESOLVE, "if (quietIn > 0) return", "if (quietIn > 1e12) return")],
    workloads: ["listing"],
  },
  {
    name: "replayed-where-failures-are-forgotten",
    patches: [
      patch(RESOLVE, "if (effect.replayAfterFailure === false && !quiet) return CLOSED;\n", ""),
    ],
    workloads: ["amnesic"],
  },
  {
    name: "frozen-key-asked-for-ever",
    patches: [
      patch(RESOLVE, 'if (known.effect.sends.at(-1)?.verdict === "frozen") return CLOSED;\n', ""),
    ],
    workloads: ["freezing"],
  },
  {
    name: "asked-to-cancel-and-taken-for-cancelled",
    patches: [
      patch(
        RESOLVE,
        "return isNotExecuted(proof) ? sendAnew(doubtful, proof.proof) :",
        'return String(proof) ? sendAnew(doubtful, "It was asked for.") :',
      ),
    ],
    workloads: ["cancelling"],
  },
  {
    name: "sent-anew-with-the-old-key",
    patches: [patch("core/derived-key.ts", "    generation,\n", "    generation: 0,\n")],
    workloads: ["freezing"],
  },
];
