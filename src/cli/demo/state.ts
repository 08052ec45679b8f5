import type { EventRoute, EventState } from "../../model/event.ts";
import type { Passed, SandboxClient } from "../../sandbox/client.ts";
import { type Charge, isObject, type Refund } from "../../sandbox/wire.ts";
import type { Timeline } from "./timeline.ts";

/** An order as the shop keeps it. */
export interface Order {
  readonly orderId: string;
  readonly cartId: string;
  /** In the currency's smallest unit. */
  readonly amount: number;
  readonly currency: string;
  /** Null until the charge is known. */
  readonly chargeId: string | null;
  readonly status: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When the provider's event of the charge was handled; null before. */
  readonly confirmedAt: number | null;
  /** What went back, as the provider's events say. */
  readonly refunded: number;
}

/** An event that came by webhook, or that the shop asked for. */
export interface EventRow {
  readonly key: string;
  readonly type: string;
  /** What it is about; null if it tells of no charge. */
  readonly chargeId: string | null;
  readonly route: EventRoute;
  /** How often it came. */
  readonly arrived: number;
  readonly state: EventState;
  /** How often its handler's writes are in the shop's books. */
  readonly handled: number;
  /** When it came first; the database's time. */
  readonly at: number;
  readonly waitsFor: string | null;
  readonly error: string | null;
}

/** A receipt in the customer's letter box. */
export interface Receipt {
  readonly orderId: string;
  /** How often it was handed over; it lies there once. */
  readonly times: number;
  readonly at: number;
}

/** `absent`: the provider sends no webhooks here. */
export type EndpointState = "unregistered" | "registered" | "absent";

export interface Endpoint {
  readonly state: EndpointState;
  /** How many deliveries this process has refused because of their signature. */
  readonly refused: number;
  /** Faults that wait for the next events. */
  readonly faults: readonly string[];
}

/** Everything that the page shows, in one answer of `GET /demo/state?key=...`. */
export interface DemoState {
  /** The shop's process, so that a restart can be seen. */
  readonly pid: number;
  /** The newest ones, newest last. */
  readonly orders: readonly Order[];
  readonly provider: ProviderState;
  /** The operation of the key that was asked for; null if nothing has claimed it. */
  readonly operation: Timeline | null;
  /** Newest first. */
  readonly events: readonly EventRow[];
  /** The newest ones, newest last. */
  readonly receipts: readonly Receipt[];
  readonly endpoint: Endpoint;
}

export type ProviderState =
  | {
      readonly reachable: true;
      readonly charges: readonly Charge[];
      readonly refunds: readonly Refund[];
      /** Faults that wait for the next calls. */
      readonly faults: readonly string[];
    }
  | { readonly reachable: false; readonly cause: string };

/** Enough for a purchase gone wrong many times over, few enough to send every half second. */
export const SHOWN_MAX = 100;

/** What the provider's ledger says now. */
export async function readProvider(provider: SandboxClient): Promise<ProviderState> {
  const [charges, refunds, faults] = await Promise.all([
    provider.charges({ limit: SHOWN_MAX }),
    provider.refunds({ limit: SHOWN_MAX }),
    provider.faults(),
  ]);
  for (const passed of [charges, refunds, faults])
    if (passed.kind === "unreachable") return { reachable: false, cause: passed.cause };
  return {
    reachable: true,
    charges: member(charges, "data") as readonly Charge[],
    refunds: member(refunds, "data") as readonly Refund[],
    faults: member(faults, "next") as readonly string[],
  };
}

/** The faults that wait for the next events; none where the provider does not tell. */
export function readEventFaults(passed: Passed): readonly string[] {
  return member(passed, "next").flatMap((rule) =>
    isObject(rule) && typeof rule["fault"] === "string" ? [rule["fault"]] : [],
  );
}

function member(passed: Passed, name: "data" | "next"): readonly unknown[] {
  const body = passed.kind === "answered" && isObject(passed.body) ? passed.body : {};
  const list = body[name];
  return Array.isArray(list) ? list : [];
}
