import { type Declined, declined } from "../../core/judgement.ts";
import { CALL_FAULTS } from "./fault.ts";
import type { Node } from "./node.ts";
import { callThrough, type Network } from "./port.ts";

/** How the simulated provider behaves. */
export interface ProviderOptions {
  /** `honoured`, the default, answers a key's second request with the first one's result. */
  readonly keys?: "honoured" | "ignored";
  /** Says which charges are declined; none by default. */
  readonly declines?: (request: ChargeRequest) => boolean;
}

export interface ChargeRequest {
  /** The provider key. Without one every request is a charge of its own. */
  readonly key?: string | undefined;
  readonly amount: number;
  /** Something of your own that is kept with the charge, by which `find` finds it. */
  readonly mark?: string;
}

/** A line of the provider's ledger. */
export interface Charge {
  readonly id: string;
  readonly amount: number;
  readonly status: "succeeded" | "declined";
  readonly refunded: boolean;
  readonly key: string | undefined;
  readonly mark: string | undefined;
}

/** What is told of a charge that was declined. */
export interface ChargeDecline {
  readonly code: "card_declined";
  /** The charge's id in the ledger. */
  readonly id: string;
}

/** A payment provider whose requests and answers get lost. */
export interface Provider {
  /**
   * Makes a charge, or says `declined`, as `send` of an external step returns it.
   *
   * @throws when the connection breaks, whether or not the charge was made
   */
  charge(request: ChargeRequest): Promise<Charge | Declined<ChargeDecline>>;
  /** Gives a charge back, once. @throws when the connection breaks, or it was refunded before */
  refund(request: { readonly key?: string | undefined; readonly charge: string }): Promise<Charge>;
  /** The newest charge with this mark. @throws when the connection breaks */
  find(mark: string): Promise<Charge | undefined>;
}

/** The provider's books, which outlive every process. */
export interface Ledger {
  /** All charges, oldest first, declined and refunded ones too. */
  readonly charges: readonly Charge[];
  /** Those that a customer has paid: neither declined nor refunded. */
  readonly standing: readonly Charge[];
}

/** The ledger, and the provider as a process reaches it. */
export interface Bank extends Ledger {
  providerOf(network: Network, node: Node): Provider;
}

export function createBank(options: ProviderOptions = {}): Bank {
  const { keys = "honoured", declines = () => false } = options;
  const charges: Charge[] = [];
  /** What a key was used for, and the charge that it came to. */
  const used = new Map<string, { readonly request: string; readonly id: string }>();

  function keyed(key: string | undefined, request: string, act: () => Charge): Charge {
    const before = key === undefined || keys === "ignored" ? undefined : used.get(key);
    if (before && before.request !== request)
      throw refusal(400, "key-reused", `The key ${key} was used for another request.`);
    const done = before ? found(before.id) : act();
    if (key !== undefined && !before) used.set(key, { request, id: done.id });
    return done;
  }

  function found(id: string): Charge {
    const charge = charges.find((one) => one.id === id);
    if (charge === undefined) throw refusal(404, "no-such-charge", `There is no charge ${id}.`);
    return charge;
  }

  function charge({ key, amount, mark }: ChargeRequest): Charge {
    return keyed(key, `charge ${amount} ${mark ?? ""}`, () => {
      const status = declines({ key, amount, ...(mark === undefined ? {} : { mark }) })
        ? "declined"
        : "succeeded";
      const made: Charge = {
        ...{ id: `ch_${charges.length + 1}`, amount, status, refunded: false },
        ...{ key, mark },
      };
      charges.push(made);
      return made;
    });
  }

  function refund({ key, charge: id }: { key?: string | undefined; charge: string }): Charge {
    return keyed(key, `refund ${id}`, () => {
      const before = found(id);
      if (before.refunded) throw refusal(400, "refunded-before", `${id} was refunded before.`);
      const after = { ...before, refunded: true };
      charges[charges.indexOf(before)] = after;
      return after;
    });
  }

  return {
    charges,
    get standing() {
      return charges.filter(({ status, refunded }) => status === "succeeded" && !refunded);
    },
    providerOf(network, node) {
      const ask = <T>(method: string, answer: () => T): Promise<T> =>
        callThrough<T>(network, node, {
          ...{ place: `provider.${method}`, faults: CALL_FAULTS, lost: connectionLost },
          run: () => told(network, method, answer()),
        });
      return {
        async charge(request) {
          const made = await ask("charge", () => charge(request));
          const decline: ChargeDecline = { code: "card_declined", id: made.id };
          return made.status === "declined" ? declined(decline) : made;
        },
        refund: (request) => ask("refund", () => refund(request)),
        find: (mark) => ask("find", () => charges.findLast((one) => one.mark === mark)),
      };
    },
  };
}

function told<T>({ scheduler }: Network, method: string, answer: T): T {
  scheduler.note(`provider.${method} answers ${JSON.stringify(answer) ?? "nothing"}`);
  return answer;
}

function refusal(status: number, code: string, text: string): Error {
  return Object.assign(new Error(text), { status, code });
}

/** The errors of Node's own network: only a connection that was never made proves anything. */
export function connectionLost(mayHaveArrived: boolean): never {
  const [code, syscall] = mayHaveArrived ? ["ECONNRESET", "read"] : ["ECONNREFUSED", "connect"];
  throw Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
