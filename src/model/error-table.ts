/** After an error: the same key again, a new key, or nothing until the cause is mended. */
export type Retry = "same-key" | "new-key" | "never";

/** One row of the table. */
export interface ErrorEntry {
  /** The HTTP status of the problem. */
  readonly status: number;
  readonly retry: Retry;
  /** One sentence for the person who reads it, with the way out. */
  readonly title: string;
}

export type ErrorCode =
  | "key-required"
  | "key-malformed"
  | "key-unknown"
  | "key-too-old"
  | "payload-ambiguous"
  | "input-invalid"
  | "body-too-large"
  | "in-progress"
  | "key-expired"
  | "response-not-replayable"
  | "key-reused"
  | "retry-scheduled"
  | "in-doubt"
  | "recipe-unknown"
  | "store-unavailable"
  | "scope-missing"
  | "option-invalid"
  | "not-json"
  | "body-unparsed"
  | "response-unreplayable"
  | "namespace-missing"
  | "namespace-changed"
  | "schema-outdated"
  | "capability-missing"
  | "callback-asynchronous"
  | "step-repeated"
  | "step-nested"
  | "step-unfinished"
  | "effect-uncompensated"
  | "definition-changed"
  | "version-unknown"
  | "send-too-late"
  | "step-not-standing"
  | "operation-settled"
  | "operation-missing"
  | "operation-suspended"
  | "lease-lost"
  | "signature-missing"
  | "signature-wrong"
  | "signature-late"
  | "webhook-malformed"
  | "body-parsed"
  | "event-waiting"
  | "address-refused";

/**
 * Every error of the library. The code is the last segment of the RFC 9457 problem type and the
 * heading in docs/reference/errors.md.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = {
  "key-required": {
    status: 400,
    retry: "never",
    title: "Idempotency-Key is missing. Send one unique string per intended operation.",
  },
  "key-malformed": {
    status: 400,
    retry: "never",
    title: "The idempotency key is malformed. Send one key of 1 to 255 visible ASCII characters.",
  },
  "key-unknown": {
    status: 404,
    retry: "never",
    title: "No operation of that key is known here. Check the key and the account.",
  },
  "key-too-old": {
    status: 400,
    retry: "never",
    title:
      "The key's time lies outside of the accepted horizon. Look the operation up before you make a new key.",
  },
  "payload-ambiguous": {
    status: 400,
    retry: "never",
    title:
      "The payload has no unambiguous reading. Name each member once, send large integers as strings and nest less deeply.",
  },
  "input-invalid": {
    status: 422,
    retry: "never",
    title: "The input does not fit the operation. Correct it; the key stays free.",
  },
  "body-too-large": {
    status: 413,
    retry: "never",
    title: "The request body is larger than the limit. Send less, or raise the limit.",
  },
  "in-progress": {
    status: 409,
    retry: "same-key",
    title: "The operation is running. Send the same request with the same key later.",
  },
  "key-expired": {
    status: 409,
    retry: "never",
    title:
      "The operation is final and its response is no longer kept. Look it up by its reference.",
  },
  "response-not-replayable": {
    status: 409,
    retry: "never",
    title:
      "The operation is final, but its response was too large to keep. Look it up by its reference.",
  },
  "key-reused": {
    status: 422,
    retry: "never",
    title: "The key belongs to another payload. Use one key per intended operation.",
  },
  "retry-scheduled": {
    status: 503,
    retry: "same-key",
    title:
      "The attempt failed and left nothing behind. Send the same request with the same key later.",
  },
  "in-doubt": {
    status: 503,
    retry: "same-key",
    title: "The outcome is not known yet. Send the same request with the same key later.",
  },
  "recipe-unknown": {
    status: 503,
    retry: "same-key",
    title:
      "The key was stored by a newer version of the service. Send the same request with the same key later.",
  },
  "store-unavailable": {
    status: 503,
    retry: "same-key",
    title:
      "The store of operations cannot be reached, so nothing ran for this request. Send the same request with the same key later.",
  },
  "scope-missing": {
    status: 500,
    retry: "never",
    title:
      "No scope was given. Return the account that owns the key, as a non-empty string, from the `scope` option.",
  },
  "option-invalid": { status: 500, retry: "never", title: "An option is invalid." },
  "not-json": {
    status: 500,
    retry: "never",
    title:
      "A value that must be stored is not JSON. Return strings, finite numbers, booleans, null, arrays and plain objects.",
  },
  "body-unparsed": {
    status: 500,
    retry: "never",
    title:
      "The request has a body that nothing has parsed. Mount the body parser before the protection.",
  },
  "response-unreplayable": {
    status: 500,
    retry: "never",
    title:
      "The response cannot be replayed byte for byte. Answer with a finished body instead of a stream that never ends.",
  },
  "namespace-missing": {
    status: 500,
    retry: "never",
    title:
      "External steps need a namespace. Pass `namespace` to nevertwice(), one per environment.",
  },
  "namespace-changed": {
    status: 500,
    retry: "never",
    title:
      "The store belongs to another namespace. Start with the namespace that it was migrated with.",
  },
  "schema-outdated": {
    status: 500,
    retry: "never",
    title: "The tables are missing or older than the library. Run `nevertwice migrate`.",
  },
  "capability-missing": {
    status: 500,
    retry: "never",
    title: "The store cannot do what was asked.",
  },
  "callback-asynchronous": {
    status: 500,
    retry: "never",
    title: "A transaction callback of this store must be synchronous. Await before it, not inside.",
  },
  "step-repeated": {
    status: 500,
    retry: "never",
    title: "A step name was used twice in one run. Name steps in a loop by a business id.",
  },
  "step-nested": {
    status: 500,
    retry: "never",
    title: "A step was begun inside a transaction of another. Take the steps one after the other.",
  },
  "step-unfinished": {
    status: 500,
    retry: "never",
    title: "An operation cannot end while a step is begun without result. Await every step.",
  },
  "effect-uncompensated": {
    status: 500,
    retry: "never",
    title:
      "An operation cannot fail while an external step stands succeeded. Undo the effect first.",
  },
  "definition-changed": {
    status: 500,
    retry: "never",
    title:
      "A recorded step was met with other arguments. Give the changed operation a new version.",
  },
  "version-unknown": {
    status: 503,
    retry: "same-key",
    title:
      "The operation was begun by another version of its code. Keep that handler under `previous`.",
  },
  "send-too-late": {
    status: 503,
    retry: "same-key",
    title: "The process slept between the commit of a send and its first byte, so it was dropped.",
  },
  "step-not-standing": {
    status: 500,
    retry: "never",
    title: "Only an external step that stands succeeded can be compensated.",
  },
  "operation-settled": {
    status: 500,
    retry: "never",
    title: "The operation has ended, so its steps can no longer be used.",
  },
  "operation-missing": {
    status: 500,
    retry: "never",
    title: "No operation is running here. Call currentOperation() inside a protected handler.",
  },
  "operation-suspended": {
    status: 503,
    retry: "same-key",
    title: "The run was suspended; the operation goes on in a later attempt.",
  },
  "lease-lost": {
    status: 503,
    retry: "same-key",
    title: "A newer claim owns the operation, so this run may write nothing more.",
  },
  "signature-missing": {
    status: 401,
    retry: "never",
    title: "The webhook carries no signature that can be read, so it was not taken in.",
  },
  "signature-wrong": {
    status: 401,
    retry: "never",
    title:
      "No secret of this endpoint made the webhook's signature. Compare the secret with the provider's, and see that nothing parses the body first.",
  },
  "signature-late": {
    status: 401,
    retry: "never",
    title: "The webhook was signed too long ago, or in the future. Set the server's clock right.",
  },
  "webhook-malformed": {
    status: 400,
    retry: "never",
    title: "The webhook is signed, but it is not what this provider sends.",
  },
  "body-parsed": {
    status: 500,
    retry: "never",
    title:
      "Something parsed the webhook's body, and a signature fits only the bytes as they were sent. Mount the webhook before the body parser.",
  },
  "event-waiting": {
    status: 503,
    retry: "same-key",
    title: "The event waits for something that is not there yet. It is handled once that arrives.",
  },
  "address-refused": {
    status: 500,
    retry: "never",
    title:
      "A webhook may not be sent to a private address, nor follow a redirect. Allow the host by name if it is yours.",
  },
};
