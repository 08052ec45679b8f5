import type { Declined, NotExecuted } from "../../src/core/judgement.ts";
import type { Charge } from "./history.ts";
import { aliveOf, never } from "./life.ts";
import type { Fault } from "./plan.ts";
import { MAIL_REACH_MS, type Mail, RECEIVERS } from "./relay.ts";
import type { Node } from "./scheduler.ts";
import type { World } from "./world.ts";

export const PROVIDER_FAULTS: readonly Fault[] = [
  "lose-answer",
  "lose-request",
  "late-answer",
  "crash-before",
  "crash-after",
  "pause",
  "defer",
];

/** How a provider treats its requests; by default it remembers every key for ever. */
export interface Manner {
  /** How long it remembers a key, in milliseconds. */
  readonly keptForMs?: number;
  /** What it remembers of a key whose request failed within, whether or not it was executed. */
  readonly failures?: "kept" | "forgotten";
  /** It works on a request for a while, and refuses another one of the same key meanwhile. */
  readonly works?: true;
}

/** A request to charge, and what the provider's event of it shall carry. */
export interface ChargeRequest {
  readonly operation: string;
  readonly step: string;
  readonly declines: boolean;
  readonly mark?: string;
  readonly manner?: Manner;
}

/** What a process can ask the provider. */
export interface Account {
  charge(
    request: ChargeRequest,
    key: string | undefined,
  ): Promise<{ id: number } | Declined<{ code: string }>>;
  /** A charge by its reference. */
  retrieve(reference: string): Promise<{ id: number }>;
  /** Gives a charge back, once a key. */
  refund(operation: string, charge: number, key: string): Promise<{ id: number }>;
  /** The charge of a step, as the provider lists it. */
  find(operation: string, step: string): Promise<{ id: number } | undefined>;
  /** Whether a charge stands, as the provider sees it. */
  look(operation: string): Promise<boolean>;
  /** Makes sure that a key charges nothing any more, unless it has. */
  cancel(key: string): Promise<NotExecuted | undefined>;
  /** A message to somebody else, who may recognise it. */
  mail(message: Omit<Mail, "at">): Promise<unknown>;
}

/** No request is on its way for longer than this, in milliseconds. */
const REACH_MS = 3_000;
/** How long the provider works on a request, in milliseconds. */
const WORKS_MS = [0, 20, 200, 400] as const;
/** Longer than any request takes from its first byte to its execution. */
export const SETTLED_MS: number = REACH_MS + 400;

/** The provider as one process reaches it. What it does stands, whether or not it is heard. */
export function accountOf(world: World, node: Node): Account {
  const { charges } = world;
  const alive = aliveOf(node);
  const ask = <T>(method: string, answer: () => T, work?: Work): Promise<T> =>
    alive() ? callProvider(world, node, { method, answer, work }) : never;
  return {
    charge(request, key) {
      const works = key !== undefined && request.manner?.works === true;
      // A charge that an event tells of, or whose provider has a manner, is another method.
      const method = request.mark ? "pay" : request.manner ? "bill" : "charge";
      const ms = (): number => world.chance.pick(WORKS_MS);
      return ask(method, () => charge(world, request, key), works ? { key, ms } : undefined);
    },
    retrieve: (reference) =>
      ask("retrieve", () => ({ id: charges.findIndex((_, id) => String(id) === reference) })),
    refund: (operation, of, key) =>
      ask("refund", () => {
        const known = madeWith(world, {}, key);
        if (known < 0) charges.push({ operation, step: `refund ${of}`, key, kind: "refunded" });
        return { id: known < 0 ? charges.length - 1 : known };
      }),
    find: (operation, step) =>
      ask("find", () => {
        const id = charges.findIndex((one) => one.operation === operation && one.step === step);
        return id < 0 ? undefined : { id };
      }),
    cancel: (key) =>
      ask("cancel", () => {
        if (madeWith(world, {}, key) >= 0) return undefined;
        world.keys.cancelled.add(key);
        return world.code.notExecuted("It is cancelled.");
      }),
    look: (operation) => ask("look", () => charges.some((one) => one.operation === operation)),
    mail: (message) => ask("mail", () => take(world, message)),
  };
}

/** The receiver takes a message, unless it recognises it. */
function take({ mails, plan, scheduler }: World, message: Omit<Mail, "at">): string {
  const at = scheduler.now();
  const known = mails.find((mail) => mail.id === message.id);
  const knownForMs = RECEIVERS[plan.receiver ?? "knowing"];
  if (known === undefined || at - known.at >= knownForMs) mails.push({ ...message, at });
  return message.id;
}

/** What the key made, as long as it is remembered; -1 for nothing. */
function madeWith(
  { charges, scheduler }: World,
  { keptForMs = Number.POSITIVE_INFINITY }: Manner,
  key: string | undefined,
): number {
  const now = scheduler.now();
  return charges.findIndex(
    (one) => key !== undefined && one.key === key && now - (one.at ?? now) < keptForMs,
  );
}

/** @returns the number of the charge */
function execute(world: World, request: ChargeRequest, key: string | undefined): number {
  const { operation, step, declines, mark, manner = {} } = request;
  const known = madeWith(world, manner, key);
  if (known >= 0) return known;
  const charge: Charge = {
    ...{ operation, step, key, kind: declines ? "declined" : "succeeded" },
    ...(mark === undefined ? {} : { mark }),
    ...(manner.keptForMs === undefined ? {} : { at: world.scheduler.now() }),
  };
  const id = world.charges.push(charge) - 1;
  world.sender.tell(charge, id);
  return id;
}

/** @throws an error of the provider's own, after which the charge may stand */
function charge(
  world: World,
  request: ChargeRequest,
  key: string | undefined,
): { id: number } | Declined<{ code: string }> {
  const { declines, manner = {} } = request;
  const { scheduler, chance, keys, charges } = world;
  if (key !== undefined && keys.frozen.has(key)) throw failure(500);
  if (key !== undefined && keys.cancelled.has(key)) throw failure(410);
  if (manner.failures === undefined || !scheduler.strikes("throw", "provider.failure")) {
    const id = execute(world, request, key);
    return declines ? world.code.declined({ code: "refused" }) : { id };
  }
  const id = chance.hit(0.5) ? execute(world, request, key) : undefined;
  scheduler.note(() => `the provider fails, and ${id === undefined ? "has not" : "has"} charged`);
  if (key !== undefined && manner.failures === "kept") keys.frozen.add(key);
  const made = charges[id ?? -1];
  if (manner.failures === "forgotten" && made && id !== undefined)
    charges[id] = { ...made, key: undefined };
  throw failure(500);
}

function failure(status: number): Error {
  return Object.assign(new Error("The provider fails."), { status });
}

/** A request that takes a while. */
interface Work {
  readonly key: string;
  readonly ms: () => number;
}

interface ProviderCall<T> {
  readonly method: string;
  readonly answer: () => T;
  readonly work: Work | undefined;
}

function callProvider<T>(world: World, node: Node, call: ProviderCall<T>): Promise<T> {
  const { scheduler } = world;
  const { busy } = world.keys;
  const { method, answer, work } = call;
  const reachMs = method === "mail" ? MAIL_REACH_MS : REACH_MS;
  const alive = aliveOf(node);
  const leftAt = scheduler.now();
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown): void => {
      if (!alive()) return;
      scheduler.hears(node, String(error));
      reject(error);
    };
    const lost = (left: boolean): void => {
      const error = new Error("The connection was reset.");
      if (!alive()) return;
      scheduler.hears(node, left);
      reject(left ? error : Object.assign(error, { code: "ECONNREFUSED" }));
    };
    const deliver = (given: T): void => {
      if (!alive()) return;
      scheduler.hears(node, given);
      resolve(given);
    };
    const perform = (fault: Fault | undefined): void => {
      const given = outcomeOf(answer);
      const tell = (): void => ("threw" in given ? refuse(given.threw) : deliver(given.value));
      if (fault === "crash-after") world.crash(node);
      else if (fault === "lose-answer") lost(true);
      else if (fault !== "late-answer") tell();
      else scheduler.park({ node, port: "answer", method, faults: ["defer"], act: tell });
    };
    const take = (fault: Fault | undefined): void => {
      if (work === undefined) perform(fault);
      else if (busy.has(work.key)) refuse(failure(409));
      else workOn(work, fault);
    };
    const workOn = ({ key, ms }: Work, fault: Fault | undefined): void => {
      busy.add(key);
      const isOver = fault === "lose-answer" || fault === "crash-after";
      const done = (): void => {
        busy.delete(key);
        // Its caller was told long ago, or has died, and it is executed all the same.
        perform(isOver ? undefined : fault);
      };
      scheduler.timer(undefined, scheduler.now() + ms(), done, `${method} ${key}`);
      if (fault === "lose-answer") lost(true);
      if (fault === "crash-after") world.crash(node);
    };
    const act = (fault: Fault | undefined): void => {
      if (fault === "crash-before") world.crash(node);
      else if (fault === "lose-request") lost(world.chance.hit(0.5));
      else if (scheduler.now() - leftAt > reachMs) lost(true);
      else take(fault);
    };
    scheduler.park({ node, port: "provider", method, faults: PROVIDER_FAULTS, act });
  });
}

function outcomeOf<T>(answer: () => T): { readonly value: T } | { readonly threw: unknown } {
  try {
    return { value: answer() };
  } catch (threw) {
    return { threw };
  }
}
