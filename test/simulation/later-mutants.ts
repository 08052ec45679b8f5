import { type Mutant, patch } from "./mutant.ts";

const SEND = "core/send.ts";
const DECIDE = "model/decide.ts";
const WRITES = "stores/memory/writes.ts";

/** Those that break transactions, answers, compensation and keeping. */
export const LATER_MUTANTS: readonly Mutant[] = [
  {
    name: "atomic-claim-outside",
    patches: [
      patch("stores/memory/transactions.ts", "underWay.add(running.id);", "ledger.keep(running);"),
    ],
  },
  {
    name: "forgotten-after-retention",
    patches: [
      patch(
        "stores/memory/prune.ts",
        "for (const record of pruned) ledger.keep(tombstone(record));",
        "for (const record of pruned) ledger.remove(tombstone(record).id);",
      ),
    ],
  },
  {
    name: "timeout-is-a-decline",
    patches: [
      patch(
        "core/verdict.ts",
        'return effect.judge?.(error) ?? inDoubt("unanswered");',
        'return { [Symbol.for("nevertwice.declined")]: true, decline: {} };',
      ),
    ],
  },
  {
    name: "lost-commit-is-a-success",
    workloads: ["plain", "opaque-rerun"],
    patches: [
      patch(
        "core/ending.ts",
        '  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, end.error);\n  if (ports',
        "  if (ports",
      ),
    ],
  },
  {
    name: "failed-atomic-keeps-messages",
    patches: [
      patch(
        "stores/memory/transactions.ts",
        "ledger.keep(final, succeeded ? settlement.messages : []);",
        "ledger.keep(final, settlement.messages);",
      ),
    ],
  },
  {
    name: "failed-atomic-keeps-writes",
    patches: [patch("stores/memory/transactions.ts", "if (succeeded) apply();", "apply();")],
  },
  {
    name: "writes-before-the-fence",
    patches: [
      patch(
        "stores/memory/transactions.ts",
        "const fenced = ledger.write(holder, written(write), messages);",
        "apply();\n    const fenced = ledger.write(holder, written(write), messages);",
      ),
    ],
  },
  {
    name: "resumed-without-steps",
    patches: [
      patch(
        "core/run.ts",
        "new Map(this.record.steps.map((step) => [step.name, step]));",
        "new Map();",
      ),
    ],
  },
  {
    name: "refused-begin-sends",
    workloads: ["keyless"],
    patches: [
      patch(SEND, "expectDone(run, end, undefined);", ""),
      patch(SEND, "if (run.lease.lost) suspendLost(run);", ""),
      patch(SEND, 'if (run.lease.lost) throw new NevertwiceError("lease-lost");', ""),
    ],
  },
  {
    name: "look-up-miss-sends-again",
    workloads: ["found"],
    patches: [patch("core/resolve.ts", 'if (!proves) return { kind: "quiet" };', "")],
  },
  {
    name: "refusal-lowers-a-doubt",
    workloads: ["refused"],
    patches: [
      patch(
        "stores/memory/steps.ts",
        "(end.proven === true || isUntouched(sendsNow(effect.generation, sends)))",
        "sends.length > 0",
      ),
    ],
  },
  {
    name: "word-of-a-person-forgotten",
    workloads: ["told"],
    patches: [
      patch(
        "core/resolve.ts",
        "if (known.effect.reference !== undefined) return retrieve(doubtful, known.effect.reference);",
        "",
      ),
    ],
  },
  {
    name: "failed-without-taking-back",
    workloads: ["taken-back"],
    patches: [
      patch("core/compensate.ts", "if (!result.declined) return result;", "return result;"),
      patch(
        "core/compensate.ts",
        "const result = await externalStep(run, place, effect, name);",
        "const result = { declined: false, value: {} as Value } as const;",
      ),
      patch(
        DECIDE,
        'if (event.kind === "failed" && standing(record.steps).length > 0)',
        "if (!record)",
      ),
    ],
  },
  {
    name: "lease-on-the-local-clock",
    patches: [
      patch(
        "core/operation.ts",
        '    type: "claim",\n    now,',
        '    type: "claim",\n    now: ports.clock.wall(),',
      ),
      patch(
        "core/operation.ts",
        "const { record, now } = snapshot;\n  const decision: ClaimDecision",
        "const { record } = snapshot;\n  const decision: ClaimDecision",
      ),
      patch(
        WRITES,
        "if (record.fence !== request.fence || ready === undefined || ready > now)",
        "if (record.fence !== request.fence || ready === undefined)",
      ),
    ],
  },
  {
    name: "key-deleted-on-throw",
    patches: [
      patch(
        "stores/memory/store.ts",
        "attempt(() => ledger.write(holder, suspended(suspension))),",
        "attempt(() => {\n" +
          "        const word = ledger.write(holder, suspended(suspension));\n" +
          '        if (word === "done") ledger.remove(holder.id);\n' +
          "        return word;\n      }),",
      ),
    ],
  },
  {
    name: "unfinished-key-pruned",
    patches: [
      patch(
        "stores/memory/prune.ts",
        "({ finalAt = now }) => now - finalAt > ms",
        "({ finalAt, createdAt }) => now - (finalAt ?? createdAt) > ms",
      ),
    ],
  },
];
