import { BACKWARD_MUTANTS } from "./backward-mutants.ts";
import { FAILOVER_MUTANTS } from "./failover-mutants.ts";
import { LATER_MUTANTS } from "./later-mutants.ts";
import { type Mutant, patch } from "./mutant.ts";
import { RELAY_MUTANTS } from "./relay-mutants.ts";
import { RELEASE_MUTANTS } from "./release-mutants.ts";
import { VENDOR_MUTANTS } from "./vendor-mutants.ts";
import { WEBHOOK_MUTANTS } from "./webhook-mutants.ts";

const SEND = "core/send.ts";
const DECIDE = "model/decide.ts";
const WRITES = "stores/memory/writes.ts";

/** Broken protocols, each of which the simulation finds. */
export const MUTANTS: readonly Mutant[] = [
  ...LATER_MUTANTS,
  ...WEBHOOK_MUTANTS,
  ...FAILOVER_MUTANTS,
  ...VENDOR_MUTANTS,
  ...RELEASE_MUTANTS,
  ...RELAY_MUTANTS,
  ...BACKWARD_MUTANTS,
  {
    name: "no-fence",
    patches: [
      patch(
        "stores/memory/ledger.ts",
        'if (record === undefined || !isHeldBy(record, holder)) return "stale";',
        'if (record?.state !== "running") return "stale";',
      ),
    ],
  },
  {
    name: "provider-key-per-attempt",
    patches: [
      patch(SEND, "providerKey: sent ?? derived", "providerKey: derived"),
      patch(
        SEND,
        "compensated: false, ...open?.effect,",
        "compensated: false, ...open?.effect, ...effect,",
      ),
      patch("core/derived-key.ts", "    generation,\n", "    generation: record.attempts,\n"),
    ],
  },
  {
    name: "sent-before-begin",
    patches: [
      patch(
        SEND,
        "const step = await begin(run, toBegin(run, place, effect, known), known);",
        "const early = toBegin(run, place, effect, known);\n" +
          "  const key = early.providerKey ?? place.name;\n" +
          "  const { signal } = run.lease;\n" +
          "  const first = await effect.send({ key, since: 0, signal, checkTime: () => undefined });\n" +
          "  const step = await begin(run, early, known);",
      ),
      patch(SEND, "returned = await effect.send(call);", "returned = first;"),
    ],
  },
  {
    name: "keyless-sent-again",
    patches: [
      patch("core/effect.ts", '(way === "replay" && effect.keyed !== false)', 'way === "replay"'),
      patch(DECIDE, "(effect.providerKey === undefined &&", '(effect.providerKey === "" &&'),
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
      // A second guard: the id of a claim goes to no request with another payload.
      patch(
        "core/flights.ts",
        "if (known === undefined || !isOf(known, fingerprint))",
        "if (!known)",
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
          "    ports.flights.keepUnanswered(id, fingerprint, attempt);",
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
      patch("core/op.ts", "stored ? asFirst(toReplay(ports, record.id, stored)) : made", "made"),
    ],
  },
  {
    name: "flight-of-any-payload",
    patches: [
      patch(
        "core/flights.ts",
        "return flight && isOf(flight, fingerprint)",
        "return flight && fingerprint",
      ),
    ],
  },
  {
    name: "stale-holder-answers",
    workloads: ["plain", "opaque-rerun"],
    patches: [
      patch(
        "core/ending.ts",
        'if (end.kind === "answered" && end.value !== "done") return "stale";\n' +
          '  if (end.kind === "failed") return refuse("in-doubt", DOUBT_RETRY_MS, end.error);\n  if (ports',
        "if (ports",
      ),
    ],
  },
  {
    name: "opaque-run-again",
    patches: [
      patch(DECIDE, 'if (event.afterCrash === "doubt" && doubtful)', 'if (record.name === "")'),
    ],
  },
];
