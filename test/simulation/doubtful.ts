import type { Work } from "./parts.ts";
import { effect, reserve, settle } from "./parts.ts";

/** How long the provider's list of charges may lag, in milliseconds. */
const QUIET_MS = 500;

/** What the connection of a request that never left is told. */
const isRefused = (error: unknown): boolean => Object(error).code === "ECONNREFUSED";

/** Workloads whose effects are proved, found, told or taken back. */
export const DOUBTFUL: Readonly<Record<string, (work: Work) => Promise<unknown>>> = {
  /** Takes a refused connection for the proof that it is, and never more than that. */
  async refused(work) {
    const { id } = await reserve(work);
    const judge = (error: unknown) =>
      isRefused(error) ? work.code.notExecuted("refused") : work.code.inDoubt("unanswered");
    await work.op.external("charge", { ...effect(work, "charge"), judge });
    work.hands.mood("charged", work.label);
    return settle(work, id, "paid");
  },
  /** Has no key, but the provider lists its charges after a while. */
  async found(work) {
    const { id } = await reserve(work);
    const find = () => work.hands.find(work.label, "charge");
    const lookUp = { quietMs: QUIET_MS, find };
    await work.op.external("charge", { ...effect(work, "charge", { keyed: false }), lookUp });
    return settle(work, id, "paid");
  },
  /** Has no key and no list: a person says what became of it. */
  async told(work) {
    const { id } = await reserve(work);
    const retrieve = (reference: string) => ({ id: Number(reference) });
    await work.op.external("charge", { ...effect(work, "charge", { keyed: false }), retrieve });
    return settle(work, id, "paid");
  },
  /** Its second charge is declined, so that the first one is given back. */
  async "taken-back"(work) {
    const { id } = await reserve(work);
    const fare = await work.op.external("fare", effect(work, "fare"));
    const tax = await work.op.external("tax", effect(work, "tax", { declines: true }));
    if (fare.declined || !tax.declined) throw new Error("The simulated provider is broken.");
    const { id: charge } = fare.value;
    await work.op.compensate("fare", {
      input: { charge },
      send: ({ key }) => work.hands.refund(work.label, charge, key),
    });
    return settle(work, id, "released");
  },
};
