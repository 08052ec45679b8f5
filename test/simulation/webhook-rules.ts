import type { OperationRecord } from "../../src/model/operation.ts";
import type { History } from "./history.ts";
import { hearsEvents, WEBHOOKS } from "./webhook.ts";
import { EXPECTED } from "./workload.ts";

/** Says what is wrong with the events of a history, or nothing. */
export type EventRule = (history: History) => string | undefined;

/** An operation whose provider sends events, what it charged and what it came to. */
interface Told {
  readonly label: string;
  readonly isKeyless: boolean;
  /** The references of its charges that stand. */
  readonly charges: readonly string[];
  readonly record: OperationRecord | undefined;
}

const RULES: Readonly<Record<string, EventRule>> = {
  "every event is acknowledged in the end": ({ events }) =>
    events.sent.find(({ acknowledged }) => acknowledged === 0)?.key,
  "an acknowledged event is handled exactly once": (history) => {
    const { events } = history;
    const failovers = failoversOf(history);
    for (const { key } of events.sent) {
      const runs = events.handled.filter((one) => one.key === key).length;
      const states = events.kept.filter((one) => one.key === key).map(({ state }) => state);
      // A provider that was heard does not tell again what a failover has forgotten.
      if (failovers > 0 && runs === 0 && states.length === 0) continue;
      if (runs !== 1 || states.join() !== "done") return `${key}: ${runs} runs, it is ${states}`;
    }
    return undefined;
  },
  "nothing is handled that was not sent": ({ events }) =>
    events.handled.find(({ key }) => !events.sent.some((one) => one.key === key))?.key,
  "a charge whose event has come is a succeeded operation": (history) => {
    if (failoversOf(history) > 0) return undefined;
    for (const { label, charges, record } of toldOf(history)) {
      // The faults of one history can use up three attempts, and never twenty.
      const worn =
        (record?.attempts ?? 0) >= history.plan.attemptsMax && history.plan.attemptsMax < 20;
      const step = chargeOf(record);
      if (charges.length === 0 || record?.state === "succeeded") continue;
      // The next run asks for the rest of what the event has proved.
      const proved = step?.result?.kind === "succeeded" || step?.effect?.reference !== undefined;
      if (!worn || !proved) return `${label} is ${record?.state}`;
    }
    return undefined;
  },
  "a step is settled by its own charge alone": (history) => {
    for (const { label, charges, record } of toldOf(history)) {
      const { effect, result } = chargeOf(record) ?? {};
      const { reference } = effect ?? {};
      if (reference !== undefined && !charges.includes(reference))
        return `${label} is known as ${reference}, and has charged ${charges}`;
      if (result?.kind === "succeeded" && charges.length === 0)
        return `${label} has charged nothing`;
    }
    return undefined;
  },
  "no operation has two charges": (history) =>
    toldOf(history).find(
      ({ charges, isKeyless }) => charges.length > 1 + (isKeyless ? failoversOf(history) : 0),
    )?.label,
};

function failoversOf({ facts }: History): number {
  return facts.filter(({ type }) => type === "failed-over").length;
}

function toldOf({ plan, charges, remains }: History): Told[] {
  return plan.operations.flatMap(({ workload, label }, index) => {
    if (!Object.hasOwn(WEBHOOKS, workload)) return [];
    const own = charges.flatMap((charge, id) =>
      charge.operation === label && charge.kind === "succeeded" ? String(id) : [],
    );
    const isKeyless = EXPECTED[workload].keyless === true;
    return { label, isKeyless, charges: own, record: remains[index]?.record };
  });
}

function chargeOf(
  record: OperationRecord | undefined,
): OperationRecord["steps"][number] | undefined {
  return record?.steps.find(({ name }) => name === "charge");
}

/** What the events of a history break of the promises. */
export function checkEvents(history: History): { rule: string; detail: string }[] {
  if (!hearsEvents(history.plan)) return [];
  return Object.entries(RULES).flatMap(([rule, broken]) => {
    const detail = broken(history);
    return detail === undefined ? [] : [{ rule, detail }];
  });
}
