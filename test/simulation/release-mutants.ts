import { type Mutant, patch } from "./mutant.ts";

const DEFINITION = "core/definition.ts";
const OF_VERSION = "if (version === definition.version) return definition;";

/** What takes a handler for one of another release. */
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
];
