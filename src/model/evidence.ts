/** Who learned something of an effect; `alarm` is our own word about two of them. */
export const EVIDENCE_SOURCES = ["look-up", "webhook", "person", "stale-holder", "alarm"] as const;

/** What somebody learned of an effect. */
export interface Evidence {
  readonly step: string;
  readonly source: (typeof EVIDENCE_SOURCES)[number];
  readonly finding: "executed" | "declined" | "not-executed" | "not-found" | "unknown";
  readonly reference?: string;
  /** One bounded line in clear: why, or what was seen. */
  readonly detail?: string;
  /** Who said so, for a person. */
  readonly by?: string;
}

export interface EvidenceRecord extends Evidence {
  /** Database time, in milliseconds since the epoch. */
  readonly at: number;
}

/** What makes an operation due again. Its count of attempts begins anew. */
export interface Reopening {
  /** Added to the evidence; names the step. */
  readonly evidence: Evidence;
  /** What the step came to; absent to run the operation again as it is. */
  readonly settled?:
    | {
        readonly kind: "executed";
        readonly reference: string;
        /** The step's value as JSON bytes; the next run asks the provider for it if absent. */
        readonly value?: Uint8Array;
      }
    | { readonly kind: "not-executed" };
}
