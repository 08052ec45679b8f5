/** How an answer is lost. */
export type Loss = "timeout" | "500" | "reset" | "truncated";

/** What goes wrong with one call of the provider. */
export type Fault =
  | { readonly kind: "lost"; readonly how: Loss; readonly when: "before" | "after" }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "decline" };

/** The faults by name; `before` and `after` mean before and after the charge is on the ledger. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "timeout-before": { kind: "lost", how: "timeout", when: "before" },
  "timeout-after": { kind: "lost", how: "timeout", when: "after" },
  "500-before": { kind: "lost", how: "500", when: "before" },
  "500-after": { kind: "lost", how: "500", when: "after" },
  "reset-before": { kind: "lost", how: "reset", when: "before" },
  "reset-after": { kind: "lost", how: "reset", when: "after" },
  truncated: { kind: "lost", how: "truncated", when: "after" },
  decline: { kind: "decline" },
};

/** Longer waits would only hold a test up; every client gives up before. */
const SLOW_MS_MAX = 60_000;
/** More than a test queues, little enough to look at. */
const FAULTS_MAX = 1_000;

const FAULT_NAMES: readonly string[] = [...Object.keys(FAULTS), "slow:<ms>"];

/** The fault of a name, or undefined if there is none. */
export function readFault(name: unknown): Fault | undefined {
  if (typeof name !== "string") return undefined;
  const slow = /^slow:(\d{1,5})$/.exec(name);
  if (slow === null) return Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  const ms = Number(slow[1]);
  return ms <= SLOW_MS_MAX ? { kind: "slow", ms } : undefined;
}

/** The names of a `{ "next": [...] }` body, or a sentence that names the faults that exist. */
export function readFaults(body: unknown): readonly string[] | { readonly refused: string } {
  const next = typeof body === "object" && body !== null && "next" in body ? body.next : undefined;
  if (!Array.isArray(next) || next.length > FAULTS_MAX)
    return { refused: `Send {"next": [...]} with at most ${FAULTS_MAX} of: ${listed()}.` };
  const unknown = next.find((name) => readFault(name) === undefined);
  if (unknown !== undefined)
    return { refused: `There is no fault ${describe(unknown)}. The faults are: ${listed()}.` };
  return next.map(String);
}

function describe(name: unknown): string {
  return typeof name === "string" ? JSON.stringify(name.slice(0, 60)) : `of type ${typeof name}`;
}

function listed(): string {
  return `${FAULT_NAMES.join(", ")} (at most ${SLOW_MS_MAX} ms)`;
}
