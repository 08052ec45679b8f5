import { writeSync } from "node:fs";
import type { SandboxClient } from "../../src/sandbox/client.ts";
import type { Books } from "./books.ts";

/** Which call of a port ends the process, and on which side of the call or in the middle of it. */
export interface Kill {
  /** From 1, in the order in which the calls are made; or the nth call of that name. */
  readonly at: number | { readonly call: string; readonly nth: number };
  readonly when: "before" | "after" | "during";
  /** How long after its start a call is killed during, in milliseconds. */
  readonly afterMs?: number;
}

/** Ends the process from another thread, whatever this one is in the middle of. */
export interface Killer {
  in(ms: number): void;
}

/** Counts every call of a port, and ends the process at the chosen one. */
export interface KillPoints {
  /** Counts from 1 again, with a kill or without one. */
  arm(kill: Kill | undefined): void;
  /** The names of the calls since then, in order. */
  calls(): readonly string[];
  store(store: Books["store"]): Books["store"];
  provider(provider: SandboxClient): SandboxClient;
  /** A call of the test's own, counted like those of a port. */
  around<T>(name: string, call: () => T): T;
}

const STDOUT = 1;
/** What runs at the start and the end of a process, not in an operation. */
const OUTSIDE: ReadonlySet<string> = new Set(["migrate", "schema", "close"]);

const ROOMS: ReadonlySet<string> = new Set(["inbox", "outbox"]);

const PROVIDER_CALLS: ReadonlySet<string> = new Set(["charge", "charges"]);

type Method = (...given: unknown[]) => unknown;

export function killPoints(killer: () => Killer | undefined = () => undefined): KillPoints {
  let kill: Kill | undefined;
  let calls: string[] = [];

  const reach = (name: string, number: number, when: "before" | "after"): void => {
    if (kill === undefined || !isAt(kill.at, number)) return;
    // What follows the end of a transaction's callback is its commit.
    const start = name.startsWith("inside ") ? "after" : "before";
    const during = kill.when === "during" && when === start;
    if (!during && kill.when !== when) return;
    // Written at once, because nothing that waits for the event loop survives the next line.
    writeSync(STDOUT, name);
    if (during) killer()?.in(kill.afterMs ?? 0);
    else process.kill(process.pid, "SIGKILL");
  };
  const isAt = (at: Kill["at"], number: number): boolean => {
    if (typeof at === "number") return at === number;
    const before = calls.slice(0, number);
    return before.at(-1) === at.call && before.filter((call) => call === at.call).length === at.nth;
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
  const counted = <T extends object>(target: T, names: (name: string) => boolean, room = ""): T =>
    new Proxy(target, {
      get(_, name, receiver) {
        const method: unknown = Reflect.get(target, name, receiver);
        // The inbox and the outbox are stores within the store.
        if (typeof method === "object" && method !== null && ROOMS.has(String(name)))
          return counted(method, () => true, `${String(name)}.`);
        if (typeof method !== "function" || typeof name !== "string" || !names(name)) return method;
        return (...given: unknown[]) =>
          around(room + name, () =>
            (method as Method)(
              ...given.map((each) =>
                typeof each === "function" ? insideOf(room + name, each as Method) : each,
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
    around,
    store: (store) => counted(store, (name) => !OUTSIDE.has(name)),
    provider: (provider) => counted(provider, (name) => PROVIDER_CALLS.has(name)),
  };
}
