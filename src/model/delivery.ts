import type { AuthenticEvent } from "./event.ts";

/** One delivery of a webhook as it came over the wire. */
export interface Delivery {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** All values of a header, in their order. @param name in lower case */
  header(name: string): readonly string[];
  /** The bytes as they were sent, before any parser. */
  readonly body: Uint8Array;
}

/** The exact answer that a provider takes for success. */
export interface Acknowledgement {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string;
}

/** What a delivery turned out to be. */
export type Reading =
  | {
      readonly kind: "events";
      /** Which secret matched; tells when a rotation is over. */
      readonly secret: string;
      readonly events: readonly AuthenticEvent[];
    }
  /** A question of the provider that only wants this answer. */
  | { readonly kind: "handshake"; readonly answer: Acknowledgement };

/** A provider of webhooks: checks who sent a delivery, and reads the events in it. */
export interface WebhookProvider {
  /** The endpoint's name, unique per provider and account; event keys are unique within it. */
  readonly source: string;
  /** More bytes are refused before they are read. */
  readonly bytesMax: number;
  readonly acknowledgement: Acknowledgement;
  /**
   * Checks the signature, then reads the events.
   *
   * @param now the wall clock, in milliseconds since 1970
   * @throws signature-missing, signature-wrong, signature-late, webhook-malformed
   */
  read(delivery: Delivery, now: number): Reading | Promise<Reading>;
}
