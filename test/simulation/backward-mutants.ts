import { type Mutant, patch } from "./mutant.ts";

const COMPENSATE = "core/compensate.ts";

/** What takes effects back too seldom, too often, or not to the end. */
export const BACKWARD_MUTANTS: readonly Mutant[] = [
  {
    name: "taken-back-and-settled-all-the-same",
    patches: [
      patch("core/visits.ts", "if (!isCompensating(run)) return;\n", "if (run.settled) return;\n"),
      patch(
        "core/attempt.ts",
        'if (decision.kind === "settle" && !compensating)',
        'if (decision.kind === "settle")',
      ),
    ],
    workloads: ["barred"],
  },
  {
    name: "newest-first-whatever-was-begun",
    patches: [
      patch(
        COMPENSATE,
        "[...steps.filter(begun), ...steps.filter((one) => !begun(one))]",
        "[...steps]",
      ),
    ],
    workloads: ["barred"],
  },
  {
    name: "a-way-back-per-attempt",
    patches: [
      patch(
        COMPENSATE,
        "const place = placeOf(name);",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: The patched code fills it in.
        "const place = `${placeOf(name)}:${run.record.fence}`;",
      ),
    ],
    workloads: ["bounced"],
  },
];
