import type { EffectCall } from "../../src/core/effect.ts";
import { CLOCK_MARGIN_MS } from "../../src/model/clock.ts";
import { reserve, settle, type Work } from "./parts.ts";
import { type Manner, SETTLED_MS } from "./provider.ts";

/** The bytes of a send may leave so long after its commit, in milliseconds. */
const SEND_BY_MS = 5_000;
/** A little longer than clocks may be apart, so that a send is repeated for some seconds. */
export const KEPT_FOR_MS: number = CLOCK_MARGIN_MS + 4_000;

/** A charge whose effect says of the provider what is true of it. */
async function checkout(work: Work, manner: Manner, told: object): Promise<unknown> {
  const { hands, label, code } = work;
  const { id } = await reserve(work);
  const place = { operation: label, step: "charge", declines: false, manner };
  const judge = (error: unknown) => {
    const kept = Object(error).status === 500 && manner.failures === "kept";
    return code.inDoubt(kept ? "frozen" : "unanswered");
  };
  await work.op.external("charge", {
    ...{ input: { amount: work.input.amount }, judge, sendByMs: SEND_BY_MS },
    async send({ key, checkTime }: EffectCall) {
      await hands.pause();
      checkTime();
      return hands.charge(place, key);
    },
    ...told,
  });
  hands.mood("charged", label);
  return settle(work, id, "paid");
}

/** Finding nothing is a proof once no request can be on its way any more. */
function lookUp({ hands, label }: Work) {
  const find = () => hands.find(label, "charge");
  return { quietMs: SEND_BY_MS + SETTLED_MS, absenceProves: true, find };
}

/** Workloads whose providers have a manner of their own. */
export const VENDORS: Readonly<Record<string, (work: Work) => Promise<unknown>>> = {
  /** Remembers keys for a time only. */
  forgetful: (work) => checkout(work, { keptForMs: KEPT_FOR_MS }, { keptForMs: KEPT_FOR_MS }),
  /** Gives the same failure to a key for ever, whether or not it has charged. */
  freezing: (work) => checkout(work, { failures: "kept" }, { lookUp: lookUp(work) }),
  /** Forgets the key of what failed, even where it has charged. */
  amnesic: (work) =>
    checkout(
      work,
      { failures: "forgotten" },
      {
        ...{ lookUp: lookUp(work), ways: ["look-up", "replay"], replayAfterFailure: false },
      },
    ),
  /** Works on a request for a while, and refuses its twin meanwhile. */
  working: (work) => checkout(work, { works: true }, {}),
  /** Is asked before anything is sent again, because its list is complete. */
  listing: (work) => checkout(work, { works: true }, { lookUp: lookUp(work), ways: ["look-up"] }),
  /** Is told to forget what may still come, unless it has charged. */
  cancelling(work) {
    const cancel = ({ key }: EffectCall) => work.hands.cancel(key);
    return checkout(work, {}, { cancel, lookUp: lookUp(work), ways: ["cancel", "look-up"] });
  },
};

/** Whether time passes in a history as the memory of its provider does. */
export function isForgetful({ operations }: { readonly operations: readonly Named[] }): boolean {
  return operations.some(({ workload }) => workload === "forgetful");
}

interface Named {
  readonly workload: string;
}
