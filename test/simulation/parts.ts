import type { Effect } from "../../src/core/effect.ts";
import type { Op } from "../../src/core/op.ts";
import type { StandardSchema } from "../../src/core/standard-schema.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import type { Code } from "./code.ts";
import type { Order } from "./history.ts";
import type { Account } from "./provider.ts";

export interface Input {
  readonly amount: number;
}

/** Takes every input as it comes. */
export const anything: StandardSchema<Input> = {
  "~standard": {
    version: 1,
    vendor: "simulation",
    validate: (value) => ({ value: value as Input }),
  },
};

/** What a handler may touch: every effect is a call that the scheduler sees. */
export interface Hands extends Account {
  /** A number that no other run has drawn, so that two runs never answer alike. */
  nonce(): number;
  /** A wait inside of a transaction. */
  pause(): Promise<void>;
  /** Throws if the seed says that the handler fails here. */
  mood(place: string, operation: string): void;
  /** Throws as a database does whose constraint refuses a row, if the seed says so. */
  bar(): void;
  ran(operation: string, input: Input): void;
}

/** What a resumable workload works with. */
export interface Work {
  readonly op: Op<MemoryTransaction, "async">;
  readonly input: Input;
  readonly label: string;
  readonly hands: Hands;
  readonly code: Code;
  readonly inner?: Inner | undefined;
}

/** Runs the operation that another one is made of. @returns how it ended */
export type Inner = (call: {
  readonly scope: string;
  readonly key: string;
  readonly input: Input;
}) => Promise<string>;

/** A charge as an effect. */
export function effect(
  work: Work,
  step: string,
  given: { keyed?: boolean; declines?: boolean } = {},
) {
  const { hands, label, input } = work;
  const { keyed = true, declines = false } = given;
  return {
    input: { amount: input.amount },
    keyed,
    send: ({ key }) => hands.charge({ operation: label, step, declines }, keyed ? key : undefined),
  } satisfies Effect<unknown, unknown>;
}

export function reserve({ op, input, label, hands }: Work): Promise<{ id: string }> {
  return op.atomic("reserve", async (tx) => {
    const id = `order-${hands.nonce()}`;
    const order: Order = { operation: label, variant: String(input.amount), status: "reserved" };
    tx.table<Order>("orders").insert(id, order);
    await hands.pause();
    hands.mood("in-reserve", label);
    return { id };
  });
}

export function settle(
  work: Work,
  id: string,
  status: "paid" | "released",
  last: () => void = () => undefined,
): Promise<unknown> {
  const { op, label, hands, input, code } = work;
  return op.settle(async (tx, write) => {
    const orders = tx.table<Order>("orders");
    // An update changes nothing where the row is not there, and says so to nobody.
    if (orders.get(id) !== undefined)
      orders.put(id, { operation: label, variant: String(input.amount), status });
    write.stage(status === "paid" ? "receipt" : "regret", { id });
    const nonce = hands.nonce();
    await hands.pause();
    hands.mood("in-settle", label);
    last();
    return status === "paid" ? code.ok({ id, nonce }, 201) : code.fail({ id, nonce }, 402);
  });
}
