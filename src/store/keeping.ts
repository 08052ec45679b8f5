import type { RecordId } from "../model/key.ts";
import type { State } from "../model/operation.ts";

export interface DueRequest {
  /** Only operations of these names and versions. */
  readonly definitions: readonly { readonly name: string; readonly version: number }[];
  readonly limit: number;
}

export interface ListFilter {
  readonly state?: State;
  readonly name?: string;
  readonly scope?: string;
  readonly limit: number;
  /** The `createdAt` and `id` of the last one seen. */
  readonly after?: { readonly createdAt: number; readonly id: RecordId };
}

export interface PruneRequest {
  /** Responses and requests of operations that have been final for longer go. */
  readonly responseMs: number;
  /** Tombstones go only under a key horizon: keys whose own time is older are refused anyway. */
  readonly tombstoneMs?: number;
  readonly limit: number;
  /**
   * The process's wall clock; nothing is pruned while it and the database's differ by over five
   * minutes.
   */
  readonly wall: number;
}

export type PruneAnswer =
  | { readonly kind: "pruned"; readonly responses: number; readonly tombstones: number }
  | { readonly kind: "clocks-disagree"; readonly now: number };
