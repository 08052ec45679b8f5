import { createSealer, type Sealer } from "../../src/core/seal.ts";
import { decodeJson } from "../../src/model/json.ts";
import type { Holder } from "../../src/model/operation.ts";
import type { ClaimRequest, OperationStore, Snapshot, TakeOverRequest } from "../../src/store.ts";
import type { MemoryStore, MemoryTransaction } from "../../src/stores/memory/store.ts";
import { createChance } from "./chance.ts";
import type { Node } from "./scheduler.ts";
import { callsOf, type Gate, type Told } from "./store-call.ts";
import { watchedInbox } from "./watched-inbox.ts";
import { watchedOutbox } from "./watched-outbox.ts";
import { hearsEvents } from "./webhook.ts";
import type { World } from "./world.ts";

export type SharedStore = MemoryStore;

/** Without keys nothing is sealed, but the bytes still say so. */
export const sealer: Sealer = createSealer(undefined, createChance(0));

type Watched = OperationStore<MemoryTransaction, "async"> & Pick<SharedStore, "inbox" | "outbox">;

/** The shared store as one process sees it: every call waits for the scheduler's choice. */
export function watchedStore(world: World, node: Node): Watched {
  const { raw } = world;
  const calls = callsOf(world, node);
  const { call, mortal } = calls;
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
    carryOut: (request, planned) =>
      call(
        "carryOut",
        () => raw.carryOut(request, planned),
        (answer) => (answer.kind === "committed" ? claimedBy(answer.snapshot, request) : undefined),
      ),
    note: (id, evidence) => call("note", () => raw.note(id, evidence)),
    stepOf: (mark) => call("stepOf", () => raw.stepOf(mark)),
    reopen: (id, reopening) =>
      call(
        "reopen",
        () => raw.reopen(id, reopening),
        (word) => (word === "reopened" ? { type: "reopened", id } : undefined),
      ),
    read: (id) => call("read", () => raw.read(id)),
    due: (request) => call("due", () => raw.due(request)),
    prune: (request) => call("prune", () => raw.prune(request)),
    namespace: (name) => call("namespace", () => raw.namespace(name)),
    lineage: () => call("lineage", () => raw.lineage()),
    inbox: hearsEvents(world.plan) ? watchedInbox(raw.inbox, calls) : raw.inbox,
    outbox: world.plan.receiver ? watchedOutbox(raw.outbox, calls) : raw.outbox,
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
