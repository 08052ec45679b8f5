import { createSealer, type Sealer } from "../../src/core/seal.ts";
import { decodeJson } from "../../src/model/json.ts";
import type { Holder } from "../../src/model/operation.ts";
import type {
  Answer,
  ClaimRequest,
  MaybePromise,
  OperationStore,
  Snapshot,
  TakeOverRequest,
} from "../../src/store.ts";
import type { MemoryStore, MemoryTransaction } from "../../src/stores/memory/store.ts";
import { createChance } from "./chance.ts";
import type { Fact } from "./history.ts";
import type { Fault } from "./plan.ts";
import type { Node } from "./scheduler.ts";
import { aliveOf, never, type World } from "./world.ts";

export type SharedStore = MemoryStore;

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
interface Gate {
  closed: (() => void) | undefined;
}

const LOST: Answer<never> = { kind: "not-known", error: new Error("The connection was reset.") };
const REFUSED: Answer<never> = {
  kind: "not-applied",
  error: new Error("The transaction was not serializable."),
  again: true,
};

/** Without keys nothing is sealed, but the bytes still say so. */
export const sealer: Sealer = createSealer(undefined, createChance(0));

type Told = { readonly type: Fact["type"] } & Record<string, unknown>;

/** The shared store as one process sees it: every call waits for the scheduler's choice. */
export function watchedStore(world: World, node: Node): OperationStore<MemoryTransaction, "async"> {
  const { raw } = world;
  const alive = aliveOf(node);
  const call = <T>(
    method: string,
    run: () => Promise<Answer<T>>,
    tell: (value: T) => Told | undefined = () => undefined,
    { gate, holder }: { gate?: Gate; holder?: Pick<Holder, "fence"> } = {},
  ): Promise<Answer<T>> =>
    alive() ? park(world, node, { method, run, tell, gate, holder }) : never;
  /** The session of a transaction dies with its process, so that it is rolled back. */
  const mortal = <W>(gate: Gate, work: (tx: MemoryTransaction) => MaybePromise<W>) => {
    const death = world.death(node);
    const run = async (tx: MemoryTransaction): Promise<W> => {
      const done = await work(tx);
      if (gate.closed) await commitLater(world, node, gate.closed);
      return done;
    };
    return (tx: MemoryTransaction): Promise<W> => Promise.race([alive() ? run(tx) : death, death]);
  };
  return {
    ...raw,
    claim: (request) =>
      call(
        "claim",
        () => raw.claim(request),
        (answer) => (answer.kind === "claimed" ? claimedBy(answer.snapshot, request) : undefined),
      ),
    takeOver: (request) =>
      call(
        "takeOver",
        () => raw.takeOver(request),
        (answer) => (answer.kind === "claimed" ? claimedBy(answer.snapshot, request) : undefined),
        { holder: request },
      ),
    renew: (holder, leaseMs) =>
      call(
        "renew",
        () => raw.renew(holder, leaseMs),
        (word) => (word === "done" ? { type: "renewed", ...holder } : undefined),
        { holder },
      ),
    begin: (holder, step) =>
      call(
        "begin",
        () => raw.begin(holder, step),
        (word) => wrote(holder, "begin", word),
        { holder },
      ),
    record: (holder, name, result) =>
      call(
        "record",
        () => raw.record(holder, name, result),
        (word) => wrote(holder, "record", word),
        { holder },
      ),
    settle: (holder, settlement) =>
      call(
        "settle",
        () => raw.settle(holder, settlement),
        (word) => wrote(holder, "settle", word, settlement.outcome.kind),
        { holder },
      ),
    suspend: (holder, suspension) =>
      call(
        "suspend",
        () => raw.suspend(holder, suspension),
        (word) => wrote(holder, "suspend", word, suspension.state),
        { holder },
      ),
    transact(holder, work) {
      let state = "running";
      const gate: Gate = { closed: undefined };
      const watched = mortal(gate, async (tx) => {
        const done = await work(tx);
        if (done.write.kind === "settle") state = done.write.settlement.outcome.kind;
        return done;
      });
      return call(
        "transact",
        () => raw.transact(holder, watched),
        (answer) =>
          wrote(holder, "transact", answer.kind === "committed" ? "done" : answer.kind, state),
        { gate },
      );
    },
    atomic(request, work) {
      const gate: Gate = { closed: undefined };
      return call(
        "atomic",
        () => raw.atomic(request, mortal(gate, work)),
        (answer) => (answer.kind === "committed" ? claimedBy(answer.snapshot, request) : undefined),
        { gate },
      );
    },
    note: (id, evidence) => call("note", () => raw.note(id, evidence)),
    read: (id) => call("read", () => raw.read(id)),
    due: (request) => call("due", () => raw.due(request)),
    prune: (request) => call("prune", () => raw.prune(request)),
    namespace: (name) => call("namespace", () => raw.namespace(name)),
  };
}

function claimedBy({ record }: Snapshot, request: ClaimRequest | TakeOverRequest): Told {
  const variant = "input" in request ? variantOf(request) : undefined;
  const { id, fence, leaseUntil = 0, runUntil = 0, state } = record;
  return { type: "claimed", id, fence, leaseUntil, runUntil, variant, state };
}

/** An opaque operation stores no input; its fingerprint is compared by the runs alone. */
function variantOf({ id, input }: ClaimRequest): string | undefined {
  const clear = sealer.open(id, "input", input) ?? input;
  const stored = decodeJson(clear) as { amount: number } | undefined;
  return stored === undefined ? undefined : String(stored.amount);
}

function wrote(holder: Holder, method: string, word: string, state = "running"): Told | undefined {
  return word === "done" ? { type: "wrote", ...holder, method, state } : undefined;
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
    const ended = (answer: Answer<T>, fault: Fault | undefined): void => {
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
      if (!alive() && (method === "transact" || method === "atomic")) return;
      if (fault === "crash-before") world.crash(node);
      else if (fault === "lose-request") deliver(LOST);
      else if (fault === "refuse") deliver(REFUSED);
      else {
        if (gate && fault === "late-commit") gate.closed = () => deliver(LOST);
        run().then(
          (answer) => ended(answer, fault),
          (error) => world.broken.push(`store.${method} threw ${String(error)}`),
        );
      }
    };
    // Every process asks for the namespace at its start, which would use most faults up.
    const spared = method === "namespace" && !world.chance.hit(world.plan.namespaceRate);
    const faults = spared ? [] : gate ? TRANSACTION_FAULTS : STORE_FAULTS;
    scheduler.park({ node, port: "store", method, fence: holder?.fence, faults, act });
  });
}
