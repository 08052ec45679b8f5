import type { MaybePromise } from "../../model/answer.ts";
import type { Fault, Luck } from "./fault.ts";
import { aliveOf, type Node, never } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";

/** What every call of a process goes through. */
export interface Network {
  readonly scheduler: Scheduler;
  readonly luck: Luck;
}

/** A call from a process to something outside of it. */
export interface PortCall<T> {
  readonly place: string;
  readonly faults: readonly Fault[];
  /** Whether it dies with its process, as a transaction's session does. */
  readonly mortal?: boolean;
  /** @param breaks tells the caller that the connection broke, while the call goes on */
  readonly run: (breaks: (() => void) | undefined) => MaybePromise<T>;
  /** What the caller gets when the connection breaks. @throws where the caller expects that */
  readonly lost: (mayHaveArrived: boolean) => T;
  /** What the caller gets when the store rolled back. */
  readonly refused?: () => T;
}

/** What was done stands, whether or not its answer arrives. */
export function callThrough<T>(network: Network, node: Node, call: PortCall<T>): Promise<T> {
  const { scheduler, luck } = network;
  const alive = aliveOf(node);
  if (!alive()) return never;
  const { place, faults, mortal = false, lost } = call;
  return new Promise((resolve, reject) => {
    const tell = (answer: () => T): void => {
      if (!alive()) return;
      try {
        resolve(answer());
      } catch (error) {
        reject(error);
      }
    };
    const ended = (answer: () => T, fault: Fault | undefined): void => {
      if (fault === "crash-after" && alive()) node.crash();
      else if (fault === "lost-answer") tell(() => lost(true));
      else if (fault !== "late-answer") tell(answer);
      else {
        const act = (): void => tell(answer);
        const waiting = { node, faults: ["delay"], travels: false } as const;
        scheduler.park({ ...waiting, place: `${place} answer`, act });
      }
    };
    const act = (fault: Fault | undefined): void => {
      if (mortal && !alive()) return;
      if (fault === "crash-before") node.crash();
      else if (fault === "lost-request") tell(() => lost(luck.arrives()));
      else if (fault === "refused" && call.refused) tell(call.refused);
      else perform(fault);
    };
    const perform = (fault: Fault | undefined): void => {
      const breaks = fault === "late-commit" ? () => tell(() => lost(true)) : undefined;
      const threw = (error: unknown): never => {
        throw error;
      };
      void start(() => call.run(breaks)).then(
        (value) => ended(() => value, fault),
        (error: unknown) => ended(() => threw(error), fault),
      );
    };
    scheduler.park({ node, place, faults, travels: !mortal, act });
  });
}

async function start<T>(run: () => MaybePromise<T>): Promise<T> {
  return await run();
}
