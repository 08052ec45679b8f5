import {
  type Declined,
  declined,
  type EffectCall,
  inDoubt,
  type Judgement,
  notExecuted,
} from "../../src/index.ts";
import { type Charge, type ChargeEffect, type Decline, HOUR_MS } from "./acquirer.ts";

/** What may become of one send of a provider that honours keys for a day, or takes none. */
export const HAPPENINGS = [
  ...["charged", "declined", "lost before", "lost after", "lost declined"],
  ...["failed before", "failed after", "frozen after", "refused", "hangs before", "hangs after"],
] as const;
export type Happening = (typeof HAPPENINGS)[number];

/** How the effect of an example is declared. */
export interface Rules {
  readonly keyed: boolean;
  readonly lookUp: "none" | "proves" | "proves nothing";
  readonly lookUpFirst: boolean;
  readonly replayAfterFailure: boolean;
}

const DAY_MS = 24 * HOUR_MS;
/** No request is on its way for longer. */
const QUIET_MS: number = HOUR_MS;

type Answer = Charge | Declined<Decline>;

/** A provider whose books show every charge, also two under one key that it had forgotten. */
export interface Forgetful {
  readonly made: { readonly key: string; readonly charge: Charge }[];
  /** What happens to the next send. */
  next: Happening | undefined;
  /** The provider's time, in milliseconds. */
  now: number;
  /** Requests that were on their way arrive. */
  land(): void;
  /** Whether a request may still arrive. */
  underWay(): boolean;
  effect(rules: Rules): ChargeEffect;
}

export function forgetful(): Forgetful {
  const made: Forgetful["made"] = [];
  const memory = new Map<string, { readonly at: number; readonly answer: Answer }>();
  let waiting: { readonly sentAt: number; arrive(): void }[] = [];
  const execute = (key: string, keyed: boolean, isDecline: boolean): Answer => {
    const known = keyed ? memory.get(key) : undefined;
    if (known !== undefined && self.now - known.at < DAY_MS) return known.answer;
    const charge = { id: `ch_${made.length + 1}`, status: "captured" };
    const answer = isDecline ? declined({ code: "no_funds" }) : charge;
    if (!isDecline) made.push({ key, charge });
    memory.set(key, { at: self.now, answer });
    return answer;
  };
  const send = async ({ key }: EffectCall, keyed: boolean): Promise<Answer> => {
    const happening = self.next ?? "charged";
    self.next = undefined;
    if (happening === "charged") return execute(key, keyed, false);
    if (happening === "declined") return execute(key, keyed, true);
    if (happening === "lost declined") execute(key, keyed, true);
    if (happening.endsWith("after")) execute(key, keyed, false);
    if (happening === "hangs before")
      waiting.push({ sentAt: self.now, arrive: () => execute(key, keyed, false) });
    if (happening.startsWith("hangs")) return new Promise(() => undefined);
    throw new Error(happening);
  };
  const alive = () => waiting.filter(({ sentAt }) => self.now - sentAt < QUIET_MS);
  const self: Forgetful = {
    ...{ made, next: undefined, now: 0 },
    land() {
      for (const { arrive } of alive()) arrive();
      waiting = [];
    },
    underWay: () => alive().length > 0,
    effect: ({ keyed, lookUp, lookUpFirst, replayAfterFailure }) => ({
      ...{ keyed, replayAfterFailure, judge: judged },
      send: (call) => send(call, keyed),
      reference: ({ id }) => id,
      ways: lookUpFirst ? ["look-up", "replay"] : ["replay", "look-up"],
      ...(lookUp === "none"
        ? {}
        : {
            lookUp: {
              quietMs: QUIET_MS,
              absenceProves: lookUp === "proves",
              find: ({ key }) => made.find((one) => one.key === key)?.charge,
            },
          }),
    }),
  };
  return self;
}

function judged(error: unknown): Judgement<Decline> {
  const { message } = error as Error;
  if (message === "refused") return notExecuted("ECONNREFUSED");
  if (message.startsWith("frozen")) return inDoubt("frozen");
  return inDoubt(message.startsWith("failed") ? "failed" : "unanswered");
}
