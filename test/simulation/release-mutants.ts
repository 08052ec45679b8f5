import { type Mutant, patch } from "./mutant.ts";

const DEFINITION = "core/definition.ts";
const OF_VERSION = "if (version === definition.version) return definition;";

/** What takes a handler, or what is stored, for that of another release. */
export const RELEASE_MUTANTS: readonly Mutant[] = [
  {
    name: "any-release-runs-any-version",
    patches: [patch(DEFINITION, OF_VERSION, "if (version > 0) return definition;")],
    workloads: ["released"],
  },
  {
    name: "older-release-runs-a-newer-version",
    patches: [
      patch(DEFINITION, OF_VERSION, "if (version >= definition.version) return definition;"),
    ],
    workloads: ["released"],
  },
  {
    name: "steps-of-another-release-unmet",
    patches: [
      patch(DEFINITION, OF_VERSION, "if (version > 0) return definition;"),
      patch("core/visits.ts", "if (first === undefined) return;", 'if (first !== "") return;'),
    ],
    workloads: ["released"],
  },
  {
    name: "an-unknown-recipe-taken-for-the-same",
    patches: [
      patch(
        "core/claim.ts",
        'if (recipe === undefined) return "recipe-unknown";',
        'if (recipe === undefined) return "same";',
      ),
    ],
    next: true,
  },
  {
    name: "an-unknown-recipe-taken-for-another",
    patches: [
      patch(
        "core/claim.ts",
        'if (recipe === undefined) return "recipe-unknown";',
        'if (recipe === undefined) return "other";',
      ),
    ],
    next: true,
  },
  {
    name: "compared-by-ones-own-recipe",
    patches: [
      patch(
        "core/claim.ts",
        ": fingerprint(record.id, recipe, claim.payload);",
        ": claim.request.fingerprint;",
      ),
    ],
    next: true,
  },
];
