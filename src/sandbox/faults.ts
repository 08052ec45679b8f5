/** How an answer is lost. */
export type Loss = "timeout" | "500" | "reset" | "truncated";

/** What goes wrong with one call of a provider. */
export type Fault =
  | { readonly kind: "lost"; readonly how: Loss; readonly when: "before" | "after" }
  /** The provider itself fails with a 500, and treats that as its rules for keys say. */
  | { readonly kind: "frozen"; readonly when: "before" | "after" }
  | {
      readonly kind: "refused";
      readonly refusal: "unavailable" | "rate-limited" | "key-in-use";
    }
  | { readonly kind: "slow"; readonly ms: number }
  /** The request arrives only after its client was left without an answer. */
  | { readonly kind: "late"; readonly ms: number }
  | { readonly kind: "decline" };

/** The faults by name; `before` and `after` mean before and after the charge is on the ledger. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "timeout-before": { kind: "lost", how: "timeout", when: "before" },
  "timeout-after": { kind: "lost", how: "timeout", when: "after" },
  "500-before": { kind: "lost", how: "500", when: "before" },
  "500-after": { kind: "lost", how: "500", when: "after" },
  "500-frozen-before": { kind: "frozen", when: "before" },
  "500-frozen-after": { kind: "frozen", when: "after" },
  "503-before": { kind: "refused", refusal: "unavailable" },
  "429": { kind: "refused", refusal: "rate-limited" },
  "409": { kind: "refused", refusal: "key-in-use" },
  "reset-before": { kind: "lost", how: "reset", when: "before" },
  "reset-after": { kind: "lost", how: "reset", when: "after" },
  truncated: { kind: "lost", how: "truncated", when: "after" },
  decline: { kind: "decline" },
};

/** Longer waits would only hold a test up; every client gives up before. */
const WAIT_MS_MAX = 60_000;
/** More than a test queues, little enough to look at. */
const FAULTS_MAX = 1_000;
const SEED_MAX = 2 ** 31 - 1;

/** In the order in which a refusal names them. */
export const FAULT_NAMES: readonly string[] = [
  ...Object.keys(FAULTS).toSorted((one, other) => rank(one) - rank(other)),
  "slow:<ms>",
  "late:<ms>",
];

/** Names that are numbers come first in an object, whatever its text says. */
function rank(name: string): number {
  return /^\d+$/.test(name) ? 1 : 0;
}

/** The fault of a name, or undefined if there is none. */
export function readFault(name: unknown): Fault | undefined {
  if (typeof name !== "string") return undefined;
  const timed = /^(slow|late):(\d{1,5})$/.exec(name);
  if (timed === null) return Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  const ms = Number(timed[2]);
  if (ms > WAIT_MS_MAX) return undefined;
  return { kind: timed[1] === "late" ? "late" : "slow", ms };
}

/** Which calls a fault may hit; each call that can change something, if nothing is said. */
export interface FaultAim {
  readonly provider?: string;
  /** Such as `POST /v1/refunds`, as the call or as the provider's route spells it. */
  readonly endpoint?: string;
}

/** What a person orders: the next faults by number, or faults by chance until cleared. */
export type FaultOrder = FaultAim &
  (
    | { readonly next: readonly string[] }
    | {
        readonly faults: readonly string[];
        readonly probability: number;
        readonly seed?: number;
      }
  );

/** Which faults there are, and what they can be aimed at. */
export interface FaultSort {
  readonly names: readonly string[];
  readonly isKnown: (name: unknown) => boolean;
  readonly isEndpoint: (endpoint: unknown) => boolean;
  /** What is wrong with an endpoint. */
  readonly endpointWanted: string;
}

const CALL_FAULTS: FaultSort = {
  names: FAULT_NAMES,
  isKnown: (name) => readFault(name) !== undefined,
  isEndpoint,
  endpointWanted: 'endpoint must be a method and a path, such as "POST /v1/charges".',
};

interface OrderBody {
  readonly next?: unknown;
  readonly faults?: unknown;
  readonly probability?: unknown;
  readonly seed?: unknown;
  readonly provider?: unknown;
  readonly endpoint?: unknown;
}

/** Reads the body of an order, or says in a sentence what is wrong and which faults exist. */
export function readFaultOrder(
  body: unknown,
  providers: readonly string[],
  sort: FaultSort = CALL_FAULTS,
): FaultOrder | { readonly refused: string } {
  const order: OrderBody = typeof body === "object" && body !== null ? body : {};
  const byChance = order.probability !== undefined || order.faults !== undefined;
  const names = readNames(byChance ? order.faults : order.next, sort);
  if ("refused" in names) return names;
  const { provider, endpoint, probability, seed } = order;
  if (provider !== undefined && !providers.some((known) => known === provider))
    return { refused: `provider must be one of: ${providers.join(", ")}.` };
  if (endpoint !== undefined && !sort.isEndpoint(endpoint)) return { refused: sort.endpointWanted };
  const aim: FaultAim = {
    ...(typeof provider === "string" ? { provider } : {}),
    ...(typeof endpoint === "string" ? { endpoint } : {}),
  };
  if (!byChance) return { ...aim, next: names.names };
  if (typeof probability !== "number" || !(probability >= 0 && probability <= 1))
    return { refused: "probability must be a number from 0 to 1." };
  if (seed !== undefined && !isSeed(seed))
    return { refused: `seed must be a whole number from 0 to ${SEED_MAX}.` };
  return { ...aim, faults: names.names, probability, ...(isSeed(seed) ? { seed } : {}) };
}

function readNames(
  list: unknown,
  sort: FaultSort,
): { readonly names: readonly string[] } | { readonly refused: string } {
  if (!Array.isArray(list) || list.length > FAULTS_MAX)
    return {
      refused:
        `Send {"next": [...]}, or {"probability": 0.2, "faults": [...]}, ` +
        `with at most ${FAULTS_MAX} of: ${listed(sort)}.`,
    };
  const unknown = list.find((name) => !sort.isKnown(name));
  if (unknown !== undefined)
    return { refused: `There is no fault ${describe(unknown)}. The faults are: ${listed(sort)}.` };
  return { names: list.map(String) };
}

export function isSeed(seed: unknown): seed is number {
  return Number.isInteger(seed) && Number(seed) >= 0 && Number(seed) <= SEED_MAX;
}

function isEndpoint(endpoint: unknown): boolean {
  return typeof endpoint === "string" && /^[A-Z]{3,7} \/[!-~]{0,200}$/.test(endpoint);
}

function describe(name: unknown): string {
  return typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : `of type ${typeof name}`;
}

function listed({ names }: FaultSort): string {
  const most = names === FAULT_NAMES ? ` (at most ${WAIT_MS_MAX} ms)` : "";
  return names.join(", ") + most;
}
