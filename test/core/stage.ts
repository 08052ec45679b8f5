import { z } from "zod";
import {
  nevertwice,
  type Once,
  type OnceOptions,
  type OperationEvent,
  ok,
} from "../../src/index.ts";
import {
  type MemoryStore,
  type MemoryTransaction,
  memoryStore,
} from "../../src/stores/memory/store.ts";

type Options = Partial<OnceOptions<MemoryTransaction, "async">>;

/** A memory store whose clock a test moves, and any number of processes on it. */
export interface Stage {
  readonly store: MemoryStore;
  readonly events: OperationEvent[];
  /** Moves the database's clock, in milliseconds. */
  advance(ms: number): void;
  /** Another process on the same store. */
  process(options?: Options): Once<MemoryTransaction, "async">;
}

export function stage(): Stage {
  const skew = { ms: 0 };
  const store = memoryStore({ skew });
  const events: OperationEvent[] = [];
  return {
    store,
    events,
    advance(ms) {
      skew.ms += ms;
    },
    process: (options = {}) =>
      nevertwice({
        store,
        namespace: "test",
        waitMs: 0,
        onEvent: (event) => "fence" in event && events.push(event),
        ...options,
      }),
  };
}

export const Order = z.object({ cartId: z.string(), amount: z.int().positive() });
export type Order = z.infer<typeof Order>;

/** A provider that honours keys: one charge per key, whatever comes. */
export interface Provider {
  readonly charges: Map<string, number>;
  sent: number;
  /** What happens to the next calls. */
  readonly faults: ("lost-before" | "lost-after" | "hang")[];
  charge(key: string, amount: number): Promise<{ id: string }>;
}

export function provider(): Provider {
  const charges = new Map<string, number>();
  return {
    charges,
    sent: 0,
    faults: [],
    async charge(key, amount) {
      this.sent += 1;
      const fault = this.faults.shift();
      if (fault === "lost-before") throw new Error("lost before the charge");
      if (!charges.has(key)) charges.set(key, amount);
      if (fault === "lost-after") throw new Error("lost after the charge");
      if (fault === "hang") return new Promise(() => undefined);
      return { id: `ch_${key}` };
    },
  };
}

/** Reserve, charge, settle: the checkout of the design. */
export function checkout(
  once: Once<MemoryTransaction, "async">,
  bank: Provider,
  name = "checkout",
) {
  return once.operation(name, {
    input: Order,
    handler: async (op, order) => {
      const orderId = await op.atomic("reserve", (tx) => {
        const id = `order-${op.scope}-${op.key}`;
        tx.table("orders").insert(id, { status: "reserved", amount: order.amount });
        return id;
      });
      const charge = await op.external("charge", {
        input: { amount: order.amount },
        send: ({ key }) => bank.charge(key, order.amount),
      });
      if (charge.declined) throw new Error("never declined here");
      return op.settle((tx, write) => {
        tx.table("orders").put(orderId, { status: "paid", amount: order.amount });
        write.stage("receipt", { orderId });
        return ok({ orderId, chargeId: charge.value.id }, 201, { reference: orderId });
      });
    },
  });
}
