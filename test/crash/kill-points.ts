import { writeSync } from "node:fs";
import type { SandboxClient } from "../../src/sandbox/client.ts";
import type { Books } from "./books.ts";

/** Which call of a port ends the process, and on which side of the call. */
export interface Kill {
  /** From 1, in the order in which the calls are made. */
  readonly at: number;
  readonly when: "before" | "after";
}

/** Counts every call of a port, and ends the process at the chosen one. */
export interface KillPoints {
  /** Counts from 1 again, with a kill or without one. */
  arm(kill: Kill | undefined): void;
  /** The names of the calls since then, in order. */
  calls(): readonly string[];
  store(store: Books["store"]): Books["store"];
  provider(provider: SandboxClient): SandboxClient;
}

const STDOUT = 1;
/** What runs at the start and the end of a process, not in an operation. */
const OUTSIDE: ReadonlySet<string> = new Set(["migrate", "schema", "close"]);

type Method = (...given: unknown[]) => unknown;

export function killPoints(): KillPoints {
  let kill: Kill | undefined;
  let calls: string[] = [];

  const reach = (name: string, number: number, when: Kill["when"]): void => {
    if (kill === undefined || kill.at !== number || kill.when !== when) return;
    // Written at once, because nothing that waits for the event loop survives the next line.
    writeSync(STDOUT, name);
    process.kill(process.pid, "SIGKILL");
  };
  const around = <T>(name: string, call: () => T): T => {
    const number = calls.push(name);
    reach(name, number, "before");
    const returned = call();
    if (!(returned instanceof Promise)) {
      reach(name, number, "after");
      return returned;
    }
    return returned.then((value) => {
      reach(name, number, "after");
      return value;
    }) as T;
  };
  const counted = <T extends object>(target: T, names: (name: string) => boolean): T =>
    new Proxy(target, {
      get(_, name, receiver) {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== "function" || typeof name !== "string" || !names(name)) return method;
        return (...given: unknown[]) =>
          around(name, () =>
            (method as Method)(
              ...given.map((each) =>
                typeof each === "function" ? insideOf(name, each as Method) : each,
              ),
            ),
          );
      },
    });
  /** The callback of a transaction: entered, and left but not yet committed. */
  const insideOf =
    (name: string, callback: Method): Method =>
    (...given) =>
      around(`inside ${name}`, () => callback(...given));

  return {
    arm(next) {
      kill = next;
      calls = [];
    },
    calls: () => calls,
    store: (store) => counted(store, (name) => !OUTSIDE.has(name)),
    provider: (provider) => counted(provider, (name) => name === "charge"),
  };
}
