import { type Mutant, patch } from "./mutant.ts";

const EVIDENCE = "core/inbox/evidence.ts";
const ACCEPT = "core/inbox/accept.ts";
const HANDLE = "core/inbox/handle.ts";
const PROCESS = "core/inbox/process.ts";
const BOTH = ["webhook-keyless", "webhook-keyed"] as const;
const KEYLESS = ["webhook-keyless"] as const;

/** Those that break what comes in as an event, and what it proves. */
export const WEBHOOK_MUTANTS: readonly Mutant[] = [
  {
    name: "evidence-of-another-operation",
    workloads: KEYLESS,
    patches: [
      patch(
        "stores/memory/effects.ts",
        "? keys.get(mark.providerKey)",
        "? (keys.get(mark.providerKey) ?? [...keys.values()].at(-1))",
      ),
      patch(
        EVIDENCE,
        "if (said !== undefined && said !== key) return { succeeded: false, reference: undefined };",
        "",
      ),
    ],
  },
  {
    name: "evidence-of-another-object",
    workloads: KEYLESS,
    patches: [
      patch(
        EVIDENCE,
        "return target.provider === said.provider && (said.kind ?? target.kind) === target.kind;",
        "return target.provider === said.provider;",
      ),
    ],
  },
  {
    name: "evidence-dropped-while-held",
    workloads: KEYLESS,
    patches: [
      patch(PROCESS, 'return end === "held" ? putOff(event, HELD_MS) : undefined;', "return;"),
      patch("core/inbox/inline.ts", 'return end !== "held";', "return true;"),
    ],
  },
  {
    name: "event-ended-before-its-handler",
    workloads: BOTH,
    patches: [
      patch(
        HANDLE,
        "const answer = await handle(ports, whole);",
        'const done = ready.map(({ event }) => ({ number: event.number, kind: "done" as const }));\n' +
          "  const over = { ends: [...ends, ...done], state: undefined, messages: [], keeps: true };\n" +
          "  await ports.inbox.handle(claimed, () => ({ ...over, value: 0 }));\n" +
          "  const answer = await handle(ports, { ...whole, ends: [] });",
      ),
      patch(
        "core/inbox/work.ts",
        "const ends = [...batch.ends, ...ready.map(endOf)];",
        "const ends = [...batch.ends, ...(claimed.fence > 0 ? [] : ready.map(endOf))];",
      ),
    ],
  },
  {
    name: "event-acknowledged-before-it-is-kept",
    workloads: BOTH,
    patches: [
      patch(
        ACCEPT,
        'if (answer.kind !== "ok")\n' +
          '    throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });\n' +
          '  if (answer.value === "stale")',
        'if (answer.kind !== "ok") return [];\n  if (answer.value === "stale")',
      ),
    ],
  },
  {
    name: "event-named-by-its-delivery",
    workloads: BOTH,
    patches: [
      patch(
        ACCEPT,
        "const event = { ...given, key: boundedName(given.key), type: boundedName(given.type) };",
        'const key0 = [given.key, ports.random.fraction()].join("#");\n' +
          "  const event = { ...given, key: key0, type: boundedName(given.type) };",
      ),
    ],
  },
  {
    name: "unanswered-record-parks",
    workloads: KEYLESS,
    patches: [
      patch(
        "core/verdict.ts",
        'if (ended.kind === "failed" && !ended.definite && isAlone) suspendLost(run);',
        "",
      ),
    ],
  },
  {
    name: "parked-by-an-old-record",
    workloads: KEYLESS,
    patches: [
      patch(
        "core/recover.ts",
        'if (next.kind === "park" && !isCleared(next.doubt, record, snapshot.record))',
        'if (next.kind === "park")',
      ),
    ],
  },
];
