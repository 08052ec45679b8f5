import { effect, type Hands, reserve, settle, type Work } from "./parts.ts";

/** What a charge came to; its way back is told nothing else. */
interface Made {
  readonly id: number;
  readonly operation: string;
}

function charge(work: Work, step: string, declines = false) {
  const plain = effect(work, step, { declines });
  return {
    ...plain,
    async send(call: Parameters<typeof plain.send>[0]) {
      const made = await plain.send(call);
      return "id" in made ? { ...made, operation: work.label } : made;
    },
  };
}

function refund(hands: Hands, { id, operation }: Made) {
  const send = ({ key }: { readonly key: string }) => hands.refund(operation, id, key);
  return { input: { charge: id }, send };
}

/** Two charges side by side. */
function chargeBoth(work: Work, taxDeclines: boolean) {
  return Promise.all([
    work.op.external("fare", charge(work, "fare")),
    work.op.external("tax", charge(work, "tax", taxDeclines)),
  ]);
}

/** Workloads whose effects are taken back. */
export const BACKWARD: Readonly<Record<string, (work: Work) => Promise<unknown>>> = {
  /** Its second charge is declined, and it says no more than that it has failed. */
  async bounced(work) {
    const [, tax] = await chargeBoth(work, true);
    work.hands.mood("charged", work.label);
    return work.code.fail({ tax, nonce: work.hands.nonce() }, 402);
  },
  /** Its last write may hit a row that is there, which no later attempt would change. */
  async barred(work) {
    const { id } = await reserve(work);
    await chargeBoth(work, false);
    work.hands.mood("charged", work.label);
    return settle(work, id, "paid", () => work.hands.bar());
  },
  /** It takes the one charge back by hand, while the other may not be known yet. */
  async split(work) {
    const { id } = await reserve(work);
    const [fare, tax] = await chargeBoth(work, true);
    if (fare.declined || !tax.declined) throw new Error("The simulated provider is broken.");
    await work.op.compensate("fare", refund(work.hands, fare.value));
    return settle(work, id, "released");
  },
};

/** Those whose definition says how each charge is taken back. */
const DECLARED: ReadonlySet<string> = new Set(["bounced", "barred"]);

export function compensationsOf(name: string, hands: Hands): object {
  if (!DECLARED.has(name)) return {};
  const back = (made: Made) => refund(hands, made);
  return { compensations: { fare: back, tax: back } };
}
