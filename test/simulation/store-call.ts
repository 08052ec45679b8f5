import type { Holder } from "../../src/model/operation.ts";
import type { Answer, MaybePromise } from "../../src/store.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import type { Fact } from "./history.ts";
import { aliveOf, never } from "./life.ts";
import type { Fault } from "./plan.ts";
import type { Node } from "./scheduler.ts";
import type { World } from "./world.ts";

export const STORE_FAULTS: readonly Fault[] = [
  "lose-answer",
  "lose-request",
  "refuse",
  "late-answer",
  "crash-before",
  "crash-after",
  "pause",
  "defer",
  "outage",
];

const TRANSACTION_FAULTS: readonly Fault[] = [...STORE_FAULTS, "late-commit"];

/** Closed once the COMMIT of a transaction shall land after its caller was told that it is lost. */
export interface Gate {
  closed: (() => void) | undefined;
}

const LOST: Answer<never> = { kind: "not-known", error: new Error("The connection was reset.") };
const REFUSED: Answer<never> = {
  kind: "not-applied",
  error: new Error("The transaction was not serializable."),
  again: true,
};

/** Every process asks for these so often that they would use most faults up. */
const SPARED: ReadonlySet<string> = new Set(["namespace", "inbox.prune"]);

/** What a call is remembered by. */
export type Told = { readonly type: Fact["type"] } & Record<string, unknown>;

/** How one process speaks to the shared store: every call waits for the scheduler's choice. */
export interface Calls {
  call<T>(
    method: string,
    run: () => Promise<Answer<T>>,
    tell?: (value: T) => Told | undefined,
    under?: { readonly gate?: Gate; readonly holder?: Pick<Holder, "fence"> },
  ): Promise<Answer<T>>;
  /** A callback whose session dies with its process, so that it is rolled back. */
  mortal<Rest extends unknown[], W>(
    gate: Gate,
    work: (tx: MemoryTransaction, ...rest: Rest) => MaybePromise<W>,
  ): (tx: MemoryTransaction, ...rest: Rest) => Promise<W>;
}

export function callsOf(world: World, node: Node): Calls {
  const alive = aliveOf(node);
  return {
    call: (method, run, tell = () => undefined, { gate, holder } = {}) =>
      alive() ? park(world, node, { method, run, tell, gate, holder }) : never,
    mortal(gate, work) {
      const death = world.death(node);
      const run = async (...given: Parameters<typeof work>) => {
        const done = await work(...given);
        if (gate.closed) await commitLater(world, node, gate.closed);
        return done;
      };
      return (...given) => Promise.race([alive() ? run(...given) : death, death]);
    },
  };
}

/** The connection breaks while its COMMIT is on the way: the caller is told, and then it lands. */
function commitLater({ scheduler }: World, node: Node, tell: () => void): Promise<void> {
  tell();
  return new Promise((resolve) => {
    const act = (): void => resolve();
    scheduler.park({ node, port: "store", method: "commit", faults: ["defer"], act });
  });
}

interface StoreCall<T> {
  readonly method: string;
  readonly run: () => Promise<Answer<T>>;
  readonly tell: (value: T) => Told | undefined;
  readonly gate: Gate | undefined;
  readonly holder: Pick<Holder, "fence"> | undefined;
}

function park<T>(world: World, node: Node, call: StoreCall<T>): Promise<Answer<T>> {
  const { method, run, tell, gate, holder } = call;
  const { scheduler, facts } = world;
  const alive = aliveOf(node);
  return new Promise((resolve) => {
    const deliver = (answer: Answer<T>): void => {
      if (!alive()) return;
      scheduler.hears(node, answer);
      resolve(answer);
    };
    const ended = (given: Answer<T>, fault: Fault | undefined, era: number): void => {
      // A transaction that a failover has rolled back under way; its session is gone.
      const answer = era === world.era ? given : LOST;
      const fact = answer.kind === "ok" ? tell(answer.value) : undefined;
      if (fact) facts.push({ at: scheduler.now(), ...fact } as unknown as Fact);
      if (fault === "crash-after" && alive()) world.crash(node);
      else if (fault === "lose-answer") deliver(LOST);
      else if (fault === "late-answer") {
        const act = (): void => deliver(answer);
        scheduler.park({ node, port: "answer", method, faults: ["defer"], act });
      } else deliver(answer);
    };
    const act = (fault: Fault | undefined): void => {
      // A transaction needs its client; a single statement may arrive after its sender has died.
      if (!alive() && gate) return;
      if (fault === "crash-before") world.crash(node);
      else if (fault === "lose-request") deliver(LOST);
      else if (fault === "refuse") deliver(REFUSED);
      else {
        if (gate && fault === "late-commit") gate.closed = () => deliver(LOST);
        const { era } = world;
        run().then(
          (answer) => ended(answer, fault, era),
          (error) => world.broken.push(`store.${method} threw ${String(error)}`),
        );
      }
    };
    const spared = SPARED.has(method) && !world.chance.hit(world.plan.namespaceRate);
    const faults = spared ? [] : gate ? TRANSACTION_FAULTS : STORE_FAULTS;
    scheduler.park({ node, port: "store", method, fence: holder?.fence, faults, act });
  });
}
