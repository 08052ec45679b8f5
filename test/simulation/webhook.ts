import type { Effect } from "../../src/core/effect.ts";
import type { Inbox } from "../../src/core/inbox/inbox.ts";
import type { Once } from "../../src/core/once.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import { effect, type Hands, reserve, settle, type Work } from "./parts.ts";
import type { Plan } from "./plan.ts";

const SOURCE = "acme";
export const PAYMENT = { provider: "acme", kind: "payment" } as const;

/** A charge that the provider tells of by an event, which carries our key or our mark. */
function told(work: Work, keyed: boolean): Effect<{ readonly id: number }, unknown> {
  const { hands, label } = work;
  return {
    ...effect(work, "charge", { keyed }),
    target: PAYMENT,
    send: ({ key }) =>
      hands.charge(
        { operation: label, step: "charge", declines: false, mark: key },
        keyed ? key : undefined,
      ),
    reference: ({ id }) => String(id),
    retrieve: (reference) => hands.retrieve(reference),
  };
}

async function checkout(work: Work, keyed: boolean): Promise<unknown> {
  const { id } = await reserve(work);
  work.hands.mood("reserved", work.label);
  await work.op.external("charge", told(work, keyed));
  work.hands.mood("charged", work.label);
  return settle(work, id, "paid");
}

/** Workloads whose provider sends events. */
export const WEBHOOKS: Readonly<Record<string, (work: Work) => Promise<unknown>>> = {
  /** Whatever its answer would have said, only the event can tell. */
  "webhook-keyless": (work) => checkout(work, false),
  /** The event and the run find out at the same time. */
  "webhook-keyed": (work) => checkout(work, true),
};

/** Whether a history has a provider that sends events. */
export function hearsEvents({ operations }: Pick<Plan, "operations">): boolean {
  return operations.some(({ workload }) => Object.hasOwn(WEBHOOKS, workload));
}

/** What one run of the shop's event handler leaves. */
export interface Handled {
  readonly key: string;
}

/** Declares in one process what is done with the provider's events: a row for each. */
export function declareInbox(
  once: Once<MemoryTransaction, "async">,
  hands: Hands,
  mode: "queued" | "inline",
): Inbox {
  const handler = async (tx: MemoryTransaction, { key }: Handled): Promise<void> => {
    hands.mood("in-event", key);
    tx.table<Handled>("handled").insert(`run-${hands.nonce()}`, { key });
    await hands.pause();
  };
  return once.inbox({ source: SOURCE }, { "*": handler }, { mode });
}
