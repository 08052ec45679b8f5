import type { Operation } from "../../src/core/handle.ts";
import type { Op } from "../../src/core/op.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import { anything, effect, type Inner, type Input, reserve, settle, type Work } from "./parts.ts";
import type { Parts } from "./workload.ts";

const MARK = ":inner";
/** What an operation is told that has succeeded, and whose answer is gone. */
const EXPIRED = "key-expired";

/** Workloads whose handlers run an operation with a key of its own. */
export const COMPOSED: Readonly<Record<string, (work: Work) => Promise<unknown>>> = {
  async composed(work) {
    const { op, input } = work;
    const { id } = await reserve(work);
    const key = `${op.key}${MARK}`;
    const kind = await work.inner?.({ scope: op.scope, key, input });
    if (kind !== "succeeded" && kind !== EXPIRED) throw new Error(`The inner one says ${kind}.`);
    work.hands.mood("charged", work.label);
    return settle(work, id, "paid");
  },
};

/** Declares the operation that another one is made of: a charge in the name of that one. */
export function declareInner({ once, code, hands }: Parts): Inner {
  const handler = async (op: Op<MemoryTransaction, "async">, input: Input): Promise<unknown> => {
    const label = `${op.scope}/${op.key.slice(0, -MARK.length)}`;
    await op.external("charge", effect({ op, input, label, hands, code }, "charge"));
    hands.mood("charged", label);
    return code.ok({ nonce: hands.nonce() });
  };
  const given = { input: anything, handler: handler as never };
  const operation = once.operation("inner", given) as Operation<Input, unknown>;
  return async (call) => (await operation.run({ ...call, waitMs: 300 })).kind;
}
