import { z } from "zod";
import type { WrapOptions } from "../../src/http/protect.ts";
import {
  fail,
  nevertwice,
  type Once,
  type Operation,
  type OperationEvent,
  ok,
} from "../../src/index.ts";
import {
  type MemoryStore,
  type MemoryTransaction,
  memoryStore,
} from "../../src/stores/memory/store.ts";

/** The header that says who asks; it stands for what a login would have found out. */
export const ACCOUNT = "x-account";

/** Small, so that a case need not send megabytes to reach a limit. */
export const REQUEST_BYTES_MAX = 4_096;
export const RESPONSE_BYTES_MAX = 4_096;

type Act = (run: number, wiring: Wiring) => unknown;

/** What a declared handler does besides ordering, chosen by its input. */
const ACTS = {
  order: (run: number) =>
    ok({ run, name: "Zoë" }, 201, { headers: { location: "/orders/1" }, reference: "order_1" }),
  decline: (run: number) => fail({ run, reason: "card_declined" }, 402, { reference: "order_1" }),
  limited: (run: number) => ok({ run }, 429, { headers: { "retry-after": "7" } }),
  "throw-first": (run: number) => {
    if (run === 1) throw new Error("no luck");
    return { run };
  },
  slow: async (run: number, wiring: Wiring) => {
    await wiring.gate;
    return ok({ run }, 201);
  },
  cookie: (run: number) =>
    ok({ run }, 200, { headers: { "set-cookie": "a=b", "content-length": "3", "x-order": "1" } }),
  inject: (run: number) => ok({ run }, 200, { headers: { "x-order": "1\r\nset-cookie: a=b" } }),
  large: (run: number) => ({ run, text: "x".repeat(RESPONSE_BYTES_MAX) }),
  zero: () => 0,
  no: () => false,
  nothing: () => null,
  "empty-text": () => "",
  empty: () => undefined,
} satisfies Record<string, Act>;

const Checkout = z.object({
  cartId: z.string(),
  amount: z.int().positive(),
  act: z.enum(Object.keys(ACTS) as (keyof typeof ACTS)[]).default("order"),
});

const Rename = z.object({ id: z.string(), name: z.string(), act: z.enum(["throw"]).optional() });

/** A mount round handlers that exist: `path` is the prefix, the handler's name comes after it. */
export interface Mount {
  readonly path: string;
  readonly options: Omit<WrapOptions<never>, "scope" | "fingerprint">;
}

/**
 * What an adapter's test builds its server from. `open` mounts:
 * - `POST /checkout`: protect(wiring.checkout, { scope, link: wiring.link })
 * - `POST /rename`: protect(wiring.rename, { scope })
 * - for each of `mounts`, protect(wiring.once, { ...options, scope }) round every handler of the
 *   test's own `Handlers`, at `${path}/${name}`, for all methods
 * where `scope` gives the value of the header `x-account`, or undefined without one. The
 * framework's own error handler tells `report` of what reaches it.
 */
export interface Wiring {
  readonly once: Once<MemoryTransaction, "async">;
  readonly checkout: Operation<z.input<typeof Checkout>, unknown>;
  readonly rename: Operation<z.input<typeof Rename>, unknown>;
  readonly mounts: readonly Mount[];
  readonly link: (key: string) => string;
  /** Every handler calls it first, with its own name, and gets the number of its run, from 1. */
  run(name: string): number;
  /** What a slow handler awaits after it called `run`. */
  readonly gate: Promise<void>;
  /** Takes an error that reached the framework. */
  report(error: unknown): void;
}

/** What a case holds in its hands besides the server. */
export interface House extends Wiring {
  readonly store: MemoryStore;
  readonly events: OperationEvent[];
  readonly errors: unknown[];
  /** How often a handler ran. */
  runs(name: string): number;
  openGate(): void;
  /** Moves the database's clock, in milliseconds. */
  advance(ms: number): void;
  /** From now on no call of the store is answered. */
  cutStore(): void;
}

export type HouseOptions = {
  readonly waitMs?: number;
  readonly retention?: { responseMs: number };
  readonly backoff?: { baseMs: number; capMs: number };
};

export function build(options: HouseOptions = {}): House {
  const skew = { ms: 0 };
  const cut = { off: false };
  const store = memoryStore({ skew });
  const events: OperationEvent[] = [];
  const errors: unknown[] = [];
  const counts = new Map<string, number>();
  const gate = Promise.withResolvers<void>();
  const once = nevertwice({
    store: severable(store, cut),
    namespace: "test",
    waitMs: 0,
    storeTimeoutMs: 100,
    requestBytesMax: REQUEST_BYTES_MAX,
    responseBytesMax: RESPONSE_BYTES_MAX,
    onEvent: (event) => "fence" in event && events.push(event),
    ...options,
  });
  const house: House = {
    ...declare(once, () => house),
    once,
    mounts: MOUNTS,
    link,
    run(name) {
      counts.set(name, house.runs(name) + 1);
      return house.runs(name);
    },
    runs: (name) => counts.get(name) ?? 0,
    gate: gate.promise,
    openGate: gate.resolve,
    report: (error) => void errors.push(error),
    store,
    events,
    errors,
    advance(ms) {
      skew.ms += ms;
    },
    cutStore() {
      cut.off = true;
    },
  };
  return house;
}

function link(key: string): string {
  return `/operations/${key}`;
}

const MOUNTS: readonly Mount[] = [
  {
    path: "/wrapped",
    options: { name: "orders", afterCrash: "doubt", headers: ["x-order"], link },
  },
  { path: "/again", options: { name: "again", afterCrash: "rerun" } },
  { path: "/optional", options: { name: "optional", afterCrash: "doubt", required: false } },
];

function declare(
  once: Once<MemoryTransaction, "async">,
  house: () => House,
): Pick<Wiring, "checkout" | "rename"> {
  return {
    checkout: once.operation("checkout", {
      input: Checkout,
      handler: async (op, input) => {
        const run = house().run("checkout");
        await op.atomic("reserve", (tx) => tx.table("carts").put(input.cartId, { run }));
        return ACTS[input.act](run, house());
      },
    }),
    rename: once.atomic("rename", {
      input: Rename,
      handler: (op, input) => {
        const run = house().run("rename");
        op.tx.table("names").put(input.id, input.name);
        if (input.act === "throw") throw new Error("no luck");
        return ok({ run, name: input.name });
      },
    }),
  };
}

/** The same store, whose calls are never answered once it is cut off. */
function severable(store: MemoryStore, cut: { readonly off: boolean }): MemoryStore {
  return new Proxy(store, {
    get: (target, name, receiver) => {
      const member: unknown = Reflect.get(target, name, receiver);
      if (!cut.off || typeof member !== "function") return member;
      return () => new Promise(() => undefined);
    },
  });
}
