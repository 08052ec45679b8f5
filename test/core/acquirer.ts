import {
  type Clock,
  type Declined,
  declined,
  type Effect,
  type EffectCall,
  inDoubt,
  type NotExecuted,
  notExecuted,
  ok,
  systemClock,
} from "../../src/index.ts";
import type { EvidenceRecord } from "../../src/model/evidence.ts";
import { recordId } from "../../src/model/key.ts";
import type { OperationRecord } from "../../src/model/operation.ts";
import type { StepRecord } from "../../src/model/step.ts";
import { Order, type stage } from "./stage.ts";

export type Scene = ReturnType<typeof stage>;
export type Process = ReturnType<Scene["process"]>;

/** What becomes of one send; `charged` is what happens when nothing goes wrong. */
export type Happening =
  | "charged"
  | "declined"
  | "lost before"
  | "lost after"
  | "hangs after"
  | "refused connection"
  | "unauthorised"
  | "limited"
  | "invalid"
  | "mismatch"
  | "failed before"
  | "failed after"
  | "frozen after";

/** What an acquirer answers of a charge. */
export type Charge = { readonly id: string; readonly status: string };
export type Decline = { readonly code: string };
export type ChargeEffect = Effect<Charge, Decline>;

/** A provider that makes one charge per key, and what happens to the next sends. */
export interface Acquirer {
  readonly charges: Map<string, Charge>;
  /** The keys of all sends that left, in order. */
  readonly keys: string[];
  readonly script: Happening[];
  effect(options?: Partial<ChargeEffect>): ChargeEffect;
  send(call: EffectCall): Promise<Charge | Declined<Decline>>;
}

class Fault extends Error {
  readonly happening: Happening;
  constructor(happening: Happening) {
    super(happening);
    this.happening = happening;
  }
}

export function acquirer(script: Happening[] = []): Acquirer {
  const charges = new Map<string, Charge>();
  const keys: string[] = [];
  const charge = (key: string): Charge => {
    const made = charges.get(key) ?? { id: `ch_${charges.size + 1}`, status: "captured" };
    charges.set(key, made);
    return made;
  };
  const send = async ({ key }: EffectCall): Promise<Charge | Declined<Decline>> => {
    const happening = script.shift() ?? "charged";
    keys.push(key);
    if (happening === "charged") return charge(key);
    if (happening === "declined" && !charges.has(key)) return declined({ code: "no_funds" });
    if (/after$/.test(happening)) charge(key);
    if (happening === "hangs after") return new Promise(() => undefined);
    throw new Fault(happening);
  };
  const effect = (options: Partial<ChargeEffect> = {}): ChargeEffect => ({
    send,
    judge: judged,
    reference: ({ id }) => id,
    ...options,
  });
  return { charges, keys, script, send, effect };
}

/** What the happenings prove, as the adapters of real providers say it. */
function judged(error: unknown): Declined<Decline> | NotExecuted | ReturnType<typeof inDoubt> {
  const happening = error instanceof Fault ? error.happening : "lost after";
  if (happening === "refused connection") return notExecuted("ECONNREFUSED");
  if (happening === "unauthorised") return notExecuted("401");
  if (happening === "limited") return notExecuted("429", LIMITED_MS);
  if (happening === "invalid") return notExecuted("400");
  if (happening === "mismatch" || happening === "frozen after") return inDoubt("frozen");
  return inDoubt(happening.startsWith("failed") ? "failed" : "unanswered");
}

/** When the acquirer wants to be asked again after a refusal of its limiter. */
export const LIMITED_MS = 60_000;
export const LEASE_MS = 30_000;
export const HOUR_MS = 3_600_000;
/** Longer than any backoff. */
export const LATER_MS = 700_000;

const input = { cartId: "c1", amount: 1999 };
export const call = { scope: "acct_1", key: "k1", input };
export const id = recordId("own", "acct_1", "k1");
/** The operation of `call`, as `settle` and `resume` name it. */
export const named = { scope: "acct_1", key: "k1", origin: "own" } as const;
export const word = { by: "ann", reason: "seen in the provider's dashboard" };

/** An operation of one external step, `charge`, that answers with what it came to. */
export function pay(once: Process, effect: ChargeEffect, name = "pay") {
  return once.operation(name, {
    input: Order,
    handler: async (op) => ok(await op.external("charge", effect), 201),
  });
}

export async function recordOf({ store }: Scene, of: typeof id = id): Promise<OperationRecord> {
  const read = await store.read(of);
  if (read.kind !== "ok" || read.value === undefined) throw new Error("There is no record.");
  return read.value.record;
}

export async function stepOf(scene: Scene, name = "charge"): Promise<StepRecord | undefined> {
  return (await recordOf(scene)).steps.find((step) => step.name === name);
}

/** The record's state and doubt. */
export async function stateOf(scene: Scene): Promise<string> {
  const { state, doubt } = await recordOf(scene);
  return doubt === undefined ? state : `${state}: ${doubt}`;
}

export async function evidenceOf(
  { store }: Scene,
  of: typeof id = id,
): Promise<readonly EvidenceRecord[]> {
  const answer = await store.evidence(of);
  if (answer.kind !== "ok") throw answer.error;
  return answer.value;
}

/** The sources and findings of what was noted, in order. */
export async function findingsOf(scene: Scene): Promise<string[]> {
  return (await evidenceOf(scene)).map(({ source, finding }) => `${source}: ${finding}`);
}

/** Lets everything that needs no timer happen. */
export async function settleTurn(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** The system's clock, whose timers keep no process alive: for runs that never end. */
export const quietClock: Clock = {
  ...systemClock,
  timer(ms, fire) {
    const timer = setTimeout(fire, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** A promise that the test itself resolves. */
export function gate<T = void>(): { readonly passed: Promise<T>; open(value: T): void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { passed: promise, open: resolve };
}
