import { type Mutant, patch } from "./mutant.ts";

const EXTERNAL = "core/external.ts";
const DECIDE = "model/decide.ts";
const WRITES = "stores/memory/writes.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "no-fence",
    patches: [
      patch(
        "stores/memory/ledger.ts",
        'if (record?.state !== "running" || record.fence !== holder.fence) return "stale";',
        'if (record?.state !== "running") return "stale";',
      ),
    ],
  },
  {
    name: "provider-key-per-attempt",
    patches: [
      patch(EXTERNAL, "const key = known?.providerKey ?? derived;", "const key = derived;"),
      patch(EXTERNAL, "generation: 0,", "generation: record.attempts,"),
    ],
  },
  {
    name: "sent-before-begin",
    patches: [
      patch(
        EXTERNAL,
        "  await begin(run, name, inputDigest, effect.keyed === false ? undefined : key);\n",
        "",
      ),
      patch(
        EXTERNAL,
        "const result = await send(run, effect, key);",
        "const result = await send(run, effect, key);\n" +
          "  await begin(run, name, effectDigest(effect), effect.keyed === false ? undefined : key);",
      ),
    ],
  },
  {
    name: "keyless-sent-again",
    patches: [
      patch(EXTERNAL, "if (known && known.providerKey === undefined)", "if (known && name === '')"),
      patch(
        DECIDE,
        "} else if (unfinished(record.steps).some(isKeyless)) {",
        "} else if (record.name === '') {",
      ),
      patch(DECIDE, "if (open.some(isKeyless) || event.parked)", "if (event.parked)"),
    ],
  },
  {
    name: "atomic-step-run-again",
    patches: [
      patch("core/steps.ts", "if (known) return recall<T>(run, known);", ""),
      patch(WRITES, 'if (record.steps.some((step) => step.name === name)) return "stale";', ""),
    ],
  },
  {
    name: "mismatch-told-late",
    patches: [
      patch(
        DECIDE,
        'if (event.payload === "other") return { kind: "refuse", code: "key-reused" };\n',
        "",
      ),
      patch(
        DECIDE,
        'if (isOwn(record, event.attemptId)) return { kind: "own" };',
        'if (isOwn(record, event.attemptId)) return { kind: "own" };\n' +
          '  if (event.payload === "other") return { kind: "refuse", code: "key-reused" };',
      ),
    ],
  },
  {
    name: "lease-ignored",
    patches: [
      patch(
        DECIDE,
        "if (readyAt > event.now) return",
        'if (readyAt > event.now && record.state !== "running") return',
      ),
      patch(
        WRITES,
        "if (record.fence !== request.fence || ready === undefined || ready > now)",
        "if (record.fence !== request.fence || ready === undefined)",
      ),
    ],
  },
  {
    name: "own-claim-unknown",
    patches: [patch(DECIDE, 'if (isOwn(record, event.attemptId)) return { kind: "own" };', "")],
  },
  {
    name: "own-claim-run-twice",
    workloads: ["opaque-doubt"],
    patches: [
      patch(
        "core/operation.ts",
        'const unanswered = step.code === "store-unavailable";',
        'const unanswered = step.code === "store-unavailable";\n' +
          "    ports.flights.keepUnanswered(claim.request.id, attempt);",
      ),
    ],
  },
  {
    name: "throw-stored-as-failure",
    patches: [
      patch(
        DECIDE,
        'if (verdict === "failed" && untouched)',
        'if (verdict !== "passing" && untouched)',
      ),
    ],
  },
  {
    name: "settled-with-open-step",
    patches: [
      patch(
        DECIDE,
        'if (unfinished(record.steps).length > 0) return { kind: "refuse", code: "step-unfinished" };',
        "",
      ),
    ],
  },
  {
    name: "failed-with-standing-effect",
    patches: [
      patch(
        DECIDE,
        'if (event.kind === "failed" && standing(record.steps).length > 0)',
        'if (record.name === "")',
      ),
      patch(
        DECIDE,
        "open.length === 0 && standing(record.steps).length === 0 && event.doubt === undefined",
        "event.doubt === undefined",
      ),
      patch(
        DECIDE,
        'if (verdict === "failed" && untouched)',
        'if (verdict !== "passing" && untouched)',
      ),
    ],
  },
  {
    name: "answer-from-memory",
    workloads: ["checkout", "decline"],
    patches: [
      patch(
        "core/op.ts",
        "if (stored) run.settled = asFirst(toReplay(ports, record.id, stored));\n  else if",
        "if",
      ),
    ],
  },
  {
    name: "flight-of-any-payload",
    patches: [
      patch(
        "core/flights.ts",
        "return flight && Buffer.compare(flight.fingerprint, fingerprint) === 0",
        "return flight && fingerprint",
      ),
    ],
  },
  {
    name: "stale-holder-answers",
    workloads: ["plain", "opaque-rerun"],
    patches: [
      patch(
        "core/attempt.ts",
        'if (end.kind === "answered" && end.value !== "done") return "stale";\n' +
          '  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, end.error);\n  ports',
        "ports",
      ),
    ],
  },
  {
    name: "opaque-run-again",
    patches: [
      patch(DECIDE, 'if (event.afterCrash === "doubt" && crashed)', 'if (record.name === "")'),
    ],
  },
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
        EXTERNAL,
        'return suspend(run, error, "effect-unknown");',
        'return { kind: "declined", value: new Uint8Array(0) };',
      ),
    ],
  },
  {
    name: "lost-commit-is-a-success",
    workloads: ["plain", "opaque-rerun"],
    patches: [
      patch(
        "core/attempt.ts",
        '  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, end.error);\n  ports',
        "  ports",
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
        "steps: new Map(snapshot.record.steps.map((step) => [step.name, step])),",
        "steps: new Map(),",
      ),
    ],
  },
  {
    name: "refused-begin-sends",
    workloads: ["keyless"],
    patches: [
      patch(EXTERNAL, "expectDone(run, end, undefined);", ""),
      patch(EXTERNAL, "if (lease.lost) suspendLost(run);", ""),
    ],
  },
];
