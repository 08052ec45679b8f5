import type { OpaqueHandler } from "../../src/core/attempt.ts";
import type { AfterCrash } from "../../src/core/definition.ts";
import type { Operation } from "../../src/core/handle.ts";
import type { Once } from "../../src/core/once.ts";
import type { Op } from "../../src/core/op.ts";
import type { Statement } from "../../src/model/statement.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import { BACKWARD, compensationsOf } from "./backward.ts";
import type { Code } from "./code.ts";
import { COMPOSED, declareInner } from "./composed.ts";
import { DOUBTFUL } from "./doubtful.ts";
import type { Order } from "./history.ts";
import { anything, effect, type Hands, type Input, reserve, settle, type Work } from "./parts.ts";
import { RELEASED } from "./released.ts";
import type { Release } from "./scheduler.ts";
import { VENDORS } from "./vendors.ts";
import { WEBHOOKS } from "./webhook.ts";

export const WORKLOADS = [
  "checkout",
  "plain",
  "keyless",
  "decline",
  "pair",
  "loose",
  "early",
  "refused",
  "found",
  "told",
  "taken-back",
  "atomic",
  "atomic-fail",
  "opaque-doubt",
  "opaque-rerun",
  "opaque-probe",
  "released",
] as const;

/** Those whose provider sends events; a campaign of their own draws them. */
export const WEBHOOK_WORKLOADS = ["webhook-keyless", "webhook-keyed"] as const;

/** Those whose providers have a manner of their own; a campaign of their own draws them too. */
export const VENDOR_WORKLOADS = [
  ...(["forgetful", "freezing", "amnesic", "working", "listing", "cancelling"] as const),
] as const;

/** Those whose handlers run another operation. */
export const COMPOSED_WORKLOADS = ["composed"] as const;

/** Those that only say what is to be written. */
export const PLANNED_WORKLOADS = ["atomic-plan", "atomic-plan-fail"] as const;

/** Those whose effects are taken back by what was declared; a campaign of their own, too. */
export const BACKWARD_WORKLOADS = ["bounced", "barred", "split"] as const;

export type WorkloadName = (
  | typeof WORKLOADS
  | typeof WEBHOOK_WORKLOADS
  | typeof VENDOR_WORKLOADS
  | typeof BACKWARD_WORKLOADS
  | typeof COMPOSED_WORKLOADS
  | typeof PLANNED_WORKLOADS
)[number];

/** What the checker may expect of a workload. */
export interface Expectation {
  /** The charges that stand once the operation succeeded. */
  readonly charges: number;
  /** The charges that may stand while it is under way, if they are more. */
  readonly most?: number;
  /** Whether it reserves an order, and keeps it if it succeeds. */
  readonly orders: number;
  readonly messages: number;
  /** Whether its handler itself ends as failed. */
  readonly fails: boolean;
  /** Whether what it has done may be taken back instead of settled. */
  readonly mayFail?: boolean;
  /** Whether a lost effect may leave it for a person. */
  readonly doubts: boolean;
  /** Whether its provider recognises nothing that it was sent before. */
  readonly keyless?: boolean;
}

const PLAIN: Expectation = { charges: 1, orders: 0, messages: 0, fails: false, doubts: false };
const SHOP: Expectation = { ...PLAIN, orders: 1, messages: 1 };

export const EXPECTED: Readonly<Record<WorkloadName, Expectation>> = {
  checkout: SHOP,
  plain: PLAIN,
  keyless: { ...SHOP, doubts: true, keyless: true },
  decline: { ...SHOP, charges: 0, fails: true },
  pair: { ...SHOP, charges: 2 },
  loose: PLAIN,
  early: PLAIN,
  refused: SHOP,
  found: { ...SHOP, doubts: true, keyless: true },
  told: { ...SHOP, keyless: true },
  "taken-back": { ...SHOP, charges: 0, most: 1, fails: true },
  atomic: { ...SHOP, charges: 0 },
  "atomic-fail": { ...SHOP, charges: 0, fails: true },
  "atomic-plan": { ...SHOP, charges: 0 },
  "atomic-plan-fail": { ...SHOP, charges: 0, fails: true },
  "opaque-doubt": { ...PLAIN, doubts: true, keyless: true },
  "opaque-rerun": PLAIN,
  "opaque-probe": PLAIN,
  "webhook-keyless": { ...SHOP, doubts: true, keyless: true },
  "webhook-keyed": SHOP,
  // A step that was renamed after its run was forgotten has another key.
  released: { ...SHOP, keyless: true },
  // Its memory ends, and so does the knowledge of what was sent.
  forgetful: { ...SHOP, doubts: true, keyless: true },
  // What was sent anew has another key, which a failover may forget.
  freezing: { ...SHOP, keyless: true },
  amnesic: { ...SHOP, keyless: true },
  working: SHOP,
  listing: { ...SHOP, keyless: true },
  cancelling: { ...SHOP, keyless: true },
  composed: SHOP,
  bounced: { ...PLAIN, charges: 0, most: 1, fails: true },
  barred: { ...SHOP, charges: 2, mayFail: true },
  split: { ...SHOP, charges: 0, most: 1, fails: true },
};

type Shop = Once<MemoryTransaction, "async">;
export type Perform = (call: {
  scope: string;
  key: string;
  input: Input;
  waitMs: number;
  door: boolean;
}) => Promise<unknown>;

/** Declares the workload in one process. @returns how a client asks for it */
export function declare(name: WorkloadName, release: Release, parts: Parts): Perform {
  const { once, code, hands } = parts;
  if (name.startsWith("opaque")) return declareOpaque(name, once, code, hands);
  if (name.startsWith("atomic-plan")) return declarePlanned(name, once, code, hands);
  if (name.startsWith("atomic")) return declareAtomic(name, once, code, hands);
  const handlerOf =
    (handle: (work: Work) => Promise<unknown>) =>
    (op: Op<MemoryTransaction, "async">, input: Input): Promise<unknown> => {
      const label = `${op.scope}/${op.key}`;
      hands.ran(label, input);
      hands.mood("start", label);
      return handle({ op, input, label, hands, code, inner });
    };
  const inner = name === "composed" ? declareInner(parts) : undefined;
  const { first, second } = RELEASED[name] ?? {};
  const handle = (release === 1 ? first : second) ?? RESUMABLE[name] ?? (() => Promise.reject());
  const versions =
    first === undefined || release === 1
      ? {}
      : { version: release, previous: { 1: { handler: handlerOf(first) as never } } };
  const handler = handlerOf(handle) as never;
  const ways = compensationsOf(name, hands);
  const operation = once.operation(name, { input: anything, handler, ...versions, ...ways });
  return asker(operation as Operation<Input, unknown>);
}

/** What a workload is declared with. */
export interface Parts {
  readonly once: Shop;
  readonly code: Code;
  readonly hands: Hands;
}

function asker(operation: Operation<Input, unknown>): Perform {
  return ({ door, ...request }) =>
    door ? operation.door.perform({ origin: "own", ...request }) : operation.run(request);
}

async function checkout(work: Work, keyed: boolean, declines: boolean): Promise<unknown> {
  const { id } = await reserve(work);
  work.hands.mood("reserved", work.label);
  const charge = await work.op.external("charge", effect(work, "charge", { keyed, declines }));
  work.hands.mood("charged", work.label);
  return settle(work, id, charge.declined ? "released" : "paid");
}

const RESUMABLE: Readonly<Record<string, (work: Work) => Promise<unknown>>> = {
  ...DOUBTFUL,
  ...WEBHOOKS,
  ...VENDORS,
  ...BACKWARD,
  ...COMPOSED,
  checkout: (work) => checkout(work, true, false),
  keyless: (work) => checkout(work, false, false),
  decline: (work) => checkout(work, true, true),
  async plain(work) {
    await work.op.external("charge", effect(work, "charge"));
    work.hands.mood("charged", work.label);
    return work.code.ok({ nonce: work.hands.nonce() }, 201);
  },
  async pair(work) {
    const { id } = await reserve(work);
    await Promise.all([
      work.op.external("fare", effect(work, "fare")),
      work.op.external("tax", effect(work, "tax")),
    ]);
    work.hands.mood("charged", work.label);
    return settle(work, id, "paid");
  },
  /** Forgets to await its effect. */
  async loose(work) {
    work.op.external("charge", effect(work, "charge")).catch(() => undefined);
    return work.code.ok({ nonce: work.hands.nonce() });
  },
  /** Ends while its effect is under way. */
  async early(work) {
    const charge = work.op.external("charge", effect(work, "charge"));
    charge.catch(() => undefined);
    await work.hands.pause();
    return work.op.settle(() => work.code.ok({ nonce: work.hands.nonce() }));
  },
};

function declareAtomic(name: WorkloadName, once: Shop, code: Code, hands: Hands): Perform {
  const operation = once.atomic(name, {
    input: anything,
    handler: async (op, input) => {
      const label = `${op.scope}/${op.key}`;
      hands.ran(label, input);
      hands.mood("start", label);
      const id = `order-${hands.nonce()}`;
      const order: Order = { operation: label, variant: String(input.amount), status: "paid" };
      op.tx.table<Order>("orders").insert(id, order);
      op.stage("receipt", { id });
      await hands.pause();
      hands.mood("written", label);
      return name === "atomic" ? code.ok({ id }, 201) : code.fail({ id }, 402);
    },
  });
  return asker(operation as Operation<Input, unknown>);
}

/** It runs for duplicates too, so that nothing is said of its runs. */
function declarePlanned(name: WorkloadName, once: Shop, code: Code, hands: Hands): Perform {
  const operation = once.atomic(name, {
    input: anything,
    plan: (op, input: Input) => {
      const label = `${op.scope}/${op.key}`;
      hands.mood("start", label);
      const id = `order-${hands.nonce()}`;
      op.write("an order", [id, label, String(input.amount)]);
      op.stage("receipt", { id });
      return name === "atomic-plan" ? code.ok({ id }, 201) : code.fail({ id }, 402);
    },
  });
  return asker(operation as Operation<Input, unknown>);
}

/** What the planned statement does to the orders. */
export function writeOrder(tx: MemoryTransaction, { values }: Statement): void {
  const [id, operation, variant] = values.map(String);
  const order: Order = { operation: `${operation}`, variant: `${variant}`, status: "paid" };
  tx.table<Order>("orders").insert(`${id}`, order);
}

function declareOpaque(name: WorkloadName, once: Shop, code: Code, hands: Hands): Perform {
  const probe: AfterCrash = async ({ scope, key }) => {
    const stands = await hands.look(`${scope}/${key}`);
    return stands ? { outcome: code.ok({ found: hands.nonce() }, 201) } : "not-executed";
  };
  const afterCrash = { "opaque-doubt": "doubt", "opaque-rerun": "rerun" }[name as string] ?? probe;
  const { door } = once.opaque(name, { afterCrash: afterCrash as AfterCrash });
  return ({ scope, key, input, waitMs }) => {
    const label = `${scope}/${key}`;
    const handler: OpaqueHandler = async (current) => {
      hands.ran(label, input);
      hands.mood("start", label);
      const place = { operation: label, step: "charge", declines: false };
      const keyed = name !== "opaque-doubt";
      await hands.charge(place, keyed ? current.providerKey("charge") : undefined);
      hands.mood("charged", label);
      const body = Buffer.from(JSON.stringify({ nonce: hands.nonce() }));
      return { status: 201, headers: [["content-type", "application/json"]], body };
    };
    return door.perform({ origin: "http", scope, key, payload: { json: input }, waitMs }, handler);
  };
}
