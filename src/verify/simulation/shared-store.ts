import type { Answer, MaybePromise } from "../../store.ts";
import type { MemoryStore } from "../../stores/memory/store.ts";
import { STORE_FAULTS, TRANSACTION_FAULTS } from "./fault.ts";
import { aliveOf, type Node } from "./node.ts";
import { callThrough, type Network } from "./port.ts";

const LOST: Answer<never> = { kind: "not-known", error: new Error("The connection was reset.") };
const REFUSED: Answer<never> = {
  kind: "not-applied",
  error: new Error("The transaction was not serializable."),
  again: true,
};

/** What no process calls while it works. */
const ASIDE: ReadonlySet<string> = new Set([
  ...["migrate", "schema", "close", "table", "checkpoint"],
]);

type Method = (...given: unknown[]) => Promise<Answer<unknown>>;
type Work = (...given: unknown[]) => MaybePromise<unknown>;

/** The shared store as one process sees it: every call waits for the scheduler's choice. */
export function storeOf(network: Network, node: Node, raw: MemoryStore): MemoryStore {
  const { inbox, outbox, ...own } = raw;
  return {
    ...watched(network, node, "store", own),
    inbox: watched(network, node, "inbox", inbox),
    outbox: watched(network, node, "outbox", outbox),
  };
}

function watched<Part extends object>(
  network: Network,
  node: Node,
  name: string,
  part: Part,
): Part {
  const methods = Object.entries(part).map(([method, act]) => {
    if (typeof act !== "function" || ASIDE.has(method)) return [method, act];
    return [method, watch(network, node, `${name}.${method}`, act)];
  });
  return Object.fromEntries(methods) as Part;
}

function watch(network: Network, node: Node, place: string, act: Method): Method {
  const answers = { lost: () => LOST, refused: () => REFUSED };
  return (...given) => {
    const work = given.at(-1);
    if (typeof work !== "function")
      return callThrough<Answer<unknown>>(network, node, {
        ...{ place, faults: STORE_FAULTS, ...answers },
        run: () => act(...given),
      });
    let breaks: (() => void) | undefined;
    const mortal = mortalWork(network, node, work as Work, () => breaks);
    return callThrough<Answer<unknown>>(network, node, {
      ...{ place, faults: TRANSACTION_FAULTS, mortal: true, ...answers },
      run: (told) => {
        breaks = told;
        return act(...given.slice(0, -1), mortal);
      },
    });
  };
}

/** The session of a transaction dies with its process, so that it is rolled back. */
function mortalWork(
  network: Network,
  node: Node,
  work: Work,
  breaks: () => (() => void) | undefined,
): Work {
  const { death } = node;
  const alive = aliveOf(node);
  const run = async (given: unknown[]): Promise<unknown> => {
    const done = await work(...given);
    const tell = breaks();
    if (tell) await commitLater(network, node, tell);
    return done;
  };
  return (...given) => Promise.race([alive() ? run(given) : death, death]);
}

/** The connection breaks while its COMMIT is on the way: the caller is told, and then it lands. */
function commitLater({ scheduler }: Network, node: Node, tell: () => void): Promise<void> {
  tell();
  return new Promise((resolve) => {
    const act = (): void => resolve();
    const waiting = { node, faults: ["delay"], travels: false } as const;
    scheduler.park({ ...waiting, place: "store.commit", act });
  });
}
