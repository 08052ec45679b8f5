import type { EventEvidence } from "../model/event.ts";
import { memberOf, textAt } from "./read.ts";

const PROVIDER = "stripe";

/** What the object of an event says of the effect that made it. */
export function stripeEvidence(object: unknown): EventEvidence | undefined {
  switch (textAt(object, "object")) {
    case "payment_intent":
      return intentEvidence(object);
    case "charge":
      return chargeEvidence(object);
    case "refund":
      return refundEvidence(object);
    default:
      return undefined;
  }
}

const HELD: ReadonlySet<string | undefined> = new Set(["succeeded", "requires_capture"]);

/** A capture puts a mark of its own beside that of the effect which made the intent. */
function intentEvidence(intent: unknown): EventEvidence | undefined {
  const status = textAt(intent, "status");
  const captureKey = textAt(intent, "metadata", "nevertwice_capture_key");
  if (captureKey !== undefined && status === "succeeded")
    return evidence("capture", captureKey, textAt(intent, "id"), true, true);
  // After a failed confirmation the intent stays, and waits for another means of payment.
  const failure = memberOf(intent, "last_payment_error");
  const refused = status === "requires_payment_method" && failure !== null && failure !== undefined;
  return evidence(
    "payment_intent",
    markOf(intent),
    textAt(intent, "id"),
    !refused,
    HELD.has(status),
  );
}

/** A charge copies the metadata of its intent, and then the effect made the intent. */
function chargeEvidence(charge: unknown): EventEvidence | undefined {
  const paid = textAt(charge, "status") !== "failed";
  const holds = textAt(charge, "status") === "succeeded";
  const intent = textAt(charge, "payment_intent") ?? textAt(charge, "payment_intent", "id");
  return intent === undefined
    ? evidence("charge", markOf(charge), textAt(charge, "id"), paid, holds)
    : evidence("payment_intent", markOf(charge), intent, paid, holds);
}

const REFUND_OVER: ReadonlySet<string | undefined> = new Set(["failed", "canceled"]);

function refundEvidence(refund: unknown): EventEvidence | undefined {
  const status = textAt(refund, "status");
  const made = !REFUND_OVER.has(status);
  return evidence("refund", markOf(refund), textAt(refund, "id"), made, status === "succeeded");
}

function markOf(object: unknown): string | undefined {
  return textAt(object, "metadata", "nevertwice_key");
}

function evidence(
  kind: string,
  providerKey: string | undefined,
  reference: string | undefined,
  executed: boolean,
  stands: boolean,
): EventEvidence | undefined {
  if (reference === undefined) return undefined;
  return {
    provider: PROVIDER,
    kind,
    ...(providerKey === undefined ? {} : { providerKey }),
    reference,
    finding: executed ? "executed" : "unknown",
    ...(stands && executed ? { stands } : {}),
  };
}
