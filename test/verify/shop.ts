import { z } from "zod";
import { fail, ok } from "../../src/index.ts";
import {
  type ProviderOptions,
  type SimulatedProcess,
  type SimulationReport,
  simulate,
  type WorldAtRest,
} from "../../src/verify/simulate.ts";

export const Order = z.object({ amount: z.int().positive() });

interface OrderRow {
  readonly status: "reserved" | "paid" | "released";
}

type Shop = Pick<SimulatedProcess<undefined>, "once" | "provider">;
type Send = (
  provider: Shop["provider"],
  key: string,
  amount: number,
) => ReturnType<Shop["provider"]["charge"]>;

/** What the shops of the tests do differently. */
export interface Habits {
  readonly send?: Send;
  readonly keyed?: boolean;
  /** Something that enters the step's input. */
  readonly salt?: () => string;
}

const honest: Send = (provider, key, amount) => provider.charge({ key, amount });

/** Reserves, charges and settles, as every page of the documentation does. */
export function declareCheckout({ once, provider }: Shop, habits: Habits = {}) {
  const { send = honest, keyed = true, salt = () => "" } = habits;
  return once.operation("checkout", {
    input: Order,
    handler: async (op, { amount }) => {
      await op.atomic("reserve", (tx) => {
        tx.table<OrderRow>("orders").insert(op.key, { status: "reserved" });
      });
      const charge = await op.external("charge", {
        ...{ input: { amount, salt: salt() }, keyed },
        send: ({ key }) => send(provider, key, amount),
      });
      if (charge.declined)
        return op.settle((tx) => {
          tx.table<OrderRow>("orders").put(op.key, { status: "released" });
          return fail({ reason: charge.decline.code }, 402);
        });
      const { id } = charge.value;
      return op.settle((tx) => {
        tx.table<OrderRow>("orders").put(op.key, { status: "paid" });
        return ok({ charge: id }, 201);
      });
    },
  });
}

/** The customers pay once for each order that they get. */
export function paidOnce({ table, provider }: WorldAtRest<unknown>): string | undefined {
  const paid = table<OrderRow>("orders")
    .values()
    .filter(({ status }) => status === "paid").length;
  const { length } = provider.standing;
  return paid === length ? undefined : `${paid} paid orders, ${length} charges`;
}

const asked = (key: string, amount: number) =>
  ({ operation: "checkout", scope: "acct_1", key, input: { amount } }) as const;

export const REQUESTS = [asked("order-1", 100), asked("order-2", 250)];

interface Given {
  readonly seed?: number;
  readonly provider?: ProviderOptions;
  readonly doubts?: "allowed";
  readonly failover?: boolean;
  readonly invariant?: (world: WorldAtRest<unknown>) => string | undefined;
}

/** A shop with these habits, simulated. */
export function simulateShop(
  habits: Habits,
  histories: number,
  given: Given = {},
): Promise<SimulationReport> {
  return simulate({
    ...{ histories, invariant: paidOnce },
    ...given,
    build: (shop) => ({ checkout: declareCheckout(shop, habits) }),
    requests: REQUESTS,
  });
}
