import { BACKWARD } from "./backward.ts";
import type { Campaign } from "./campaign.ts";
import { DOUBTFUL } from "./doubtful.ts";
import { PROVIDER_FAULTS } from "./provider.ts";
import { STORE_FAULTS } from "./store-call.ts";
import { VENDORS } from "./vendors.ts";
import { WEBHOOKS } from "./webhook.ts";
import { EXPECTED, WORKLOADS, type WorkloadName } from "./workload.ts";

const STORE_METHODS = [
  "claim",
  "takeOver",
  "renew",
  "begin",
  "record",
  "settle",
  "suspend",
  "transact",
  "atomic",
  "read",
  "due",
  "prune",
  "namespace",
] as const;
const PROVIDER_METHODS = ["charge", "look"] as const;
const MOODS = ["start", "in-reserve", "reserved", "charged", "in-settle", "written"] as const;
const OTHERS = [
  "store.transact late-commit",
  "store.atomic late-commit",
  "store.commit defer",
  "clock stall",
  "clock skew",
  "handler.pause pause",
  "handler.pause defer",
  "store failover",
];

/** Every meeting of a port's method with a fault. A campaign that misses one proves less. */
const MEETINGS: readonly string[] = [
  ...STORE_METHODS.flatMap((method) => STORE_FAULTS.map((fault) => `store.${method} ${fault}`)),
  ...PROVIDER_METHODS.flatMap((method) =>
    PROVIDER_FAULTS.map((fault) => `provider.${method} ${fault}`),
  ),
  ...MOODS.map((place) => `handler.${place} throw`),
  ...OTHERS,
];

/** The same for what only a doubt leads to; a campaign of its own looks for it. */
const DOUBTFUL_MEETINGS: readonly string[] = [
  ...STORE_FAULTS.map((fault) => `store.note ${fault}`),
  ...["find", "refund"].flatMap((method) =>
    PROVIDER_FAULTS.map((fault) => `provider.${method} ${fault}`),
  ),
];

const EVENT_METHODS = [
  "inbox.accept",
  "inbox.acceptHandled",
  "inbox.claim",
  "inbox.handle",
  "inbox.release",
  "inbox.prune",
  "stepOf",
  "reopen",
] as const;

/** The same for what comes in as an event. */
const EVENT_MEETINGS: readonly string[] = [
  ...EVENT_METHODS.flatMap((method) => STORE_FAULTS.map((fault) => `store.${method} ${fault}`)),
  ...["inbox.acceptHandled", "inbox.handle"].map((method) => `store.${method} late-commit`),
  ...["pay", "retrieve"].flatMap((method) =>
    PROVIDER_FAULTS.map((fault) => `provider.${method} ${fault}`),
  ),
  "handler.in-event throw",
];

/** The same for what a provider's manner leads to. */
const VENDOR_MEETINGS: readonly string[] = [
  "provider.failure throw",
  ...["bill", "find"].flatMap((method) =>
    PROVIDER_FAULTS.map((fault) => `provider.${method} ${fault}`),
  ),
  "store failover",
];

/** The same for what is taken back. */
const BACKWARD_MEETINGS: readonly string[] = [
  ...["charge", "refund"].flatMap((method) =>
    PROVIDER_FAULTS.map((fault) => `provider.${method} ${fault}`),
  ),
];

/** The same for what is said before its claim is known. */
const PLAN_MEETINGS: readonly string[] = [
  ...STORE_FAULTS.map((fault) => `store.carryOut ${fault}`),
  "handler.start throw",
];

/** The same for what goes out as a message. */
const MAIL_MEETINGS: readonly string[] = [
  ...["claim", "end"].flatMap((method) =>
    STORE_FAULTS.map((fault) => `store.outbox.${method} ${fault}`),
  ),
  ...PROVIDER_FAULTS.map((fault) => `provider.mail ${fault}`),
];

const LISTS = {
  ...{ common: MEETINGS, doubtful: DOUBTFUL_MEETINGS },
  ...{ events: EVENT_MEETINGS, vendors: VENDOR_MEETINGS, mail: MAIL_MEETINGS },
  ...{ backward: BACKWARD_MEETINGS, plans: PLAN_MEETINGS },
} as const;

/** What those who draw from these workloads must meet. */
export function listOf(workloads: readonly WorkloadName[] = WORKLOADS): keyof typeof LISTS {
  if (workloads.every((name) => Object.hasOwn(WEBHOOKS, name))) return "events";
  if (workloads.every((name) => Object.hasOwn(VENDORS, name))) return "vendors";
  if (workloads.every((name) => Object.hasOwn(BACKWARD, name))) return "backward";
  if (workloads.every((name) => name.startsWith("atomic-plan"))) return "plans";
  return workloads.every((name) => Object.hasOwn(DOUBTFUL, name)) ? "doubtful" : "common";
}

/** The meetings that a campaign never came to. */
export function missed({ met }: Campaign, list: keyof typeof LISTS = "common"): string[] {
  return LISTS[list].filter((name) => !met.has(name));
}

/** The share of operations that must reach their outcome: refusing all of them is no way out. */
const FLOOR = 0.97;
/** Where a lost effect may need a person. */
const FLOOR_WITH_DOUBT = 0.5;

/** The workloads that ended too seldom. */
export function belowFloor(
  { ends }: Campaign,
  workloads: readonly WorkloadName[] = WORKLOADS,
): string[] {
  return workloads.flatMap((name) => {
    const { planned = 0, final = 0 } = ends.get(name) ?? {};
    const floor = EXPECTED[name].doubts ? FLOOR_WITH_DOUBT : FLOOR;
    return planned > 0 && final >= planned * floor ? [] : [`${name}: ${final} of ${planned}`];
  });
}

/** How often each method met each fault, one line a method. */
export function table({ met }: Campaign, list: keyof typeof LISTS = "common"): string {
  const rows = new Map<string, string[]>();
  for (const name of LISTS[list]) {
    const [place = "", fault = ""] = name.split(" ");
    rows.set(place, [...(rows.get(place) ?? []), `${fault} ${met.get(name) ?? 0}`]);
  }
  return [...rows].map(([place, counts]) => `${place.padEnd(25)} ${counts.join("  ")}`).join("\n");
}
