import type { Call, Head, KeptAnswer, Provider } from "../../provider.ts";
import { chargeRoutes } from "./charges.ts";
import { customerRoutes, eventRoutes } from "./customers.ts";
import { refuse } from "./errors.ts";
import { paymentIntentRoutes } from "./payment-intents.ts";
import { refundRoutes } from "./refunds.ts";
import { stripeWebhooks } from "./webhooks.ts";

const DAY_MS = 86_400_000;

/** Stripe's API v1. @see https://docs.stripe.com/api */
export const stripe: Provider = {
  name: "stripe",
  title: "Stripe, API v1",
  setup: (url) => {
    const { hostname, port } = new URL(url);
    return `new Stripe("sk_test_shop", { host: "${hostname}", port: ${port}, protocol: "http" })`;
  },
  rules: {
    carrier: { header: "idempotency-key" },
    required: false,
    minLength: 1,
    maxLength: 255,
    space: "account",
    keeps: "everything",
    replay: "bytes",
    mismatch: "refuse",
    retentionMs: DAY_MS,
  },
  routes: [
    ...paymentIntentRoutes,
    ...chargeRoutes,
    ...refundRoutes,
    ...customerRoutes,
    ...eventRoutes,
  ],
  webhooks: stripeWebhooks,
  recognises: (head) => secretOf(head) !== undefined || "stripe-version" in head.headers,
  account: accountOf,
  refuse,
  headers,
};

/** The secret key, as bearer or as the user of basic authentication. */
function secretOf({ headers: { authorization = "" } }: Head): string | undefined {
  const [scheme = "", credentials = ""] = authorization.split(" ");
  const secret =
    scheme.toLowerCase() === "basic"
      ? Buffer.from(credentials, "base64").toString("utf8").split(":")[0]
      : credentials;
  return /^(?:sk|rk)_(?:test|live)_\w+$/.test(secret ?? "") ? secret : undefined;
}

/**
 * The connected account of the Stripe-Account header, else the account of the secret key: what
 * comes before a further underscore, so that `sk_test_shop_1` and `sk_test_shop_2` are two keys of
 * one account.
 */
function accountOf(head: Head): string | undefined {
  const secret = secretOf(head);
  if (secret === undefined) return undefined;
  return head.headers["stripe-account"] ?? `acct_${secret.split("_")[2]}`;
}

function headers(call: Call, kept: KeptAnswer | undefined): Record<string, string> {
  const requestId = `req_${call.requestId}`;
  const given = call.headers["stripe-version"];
  return {
    "request-id": requestId,
    ...(given === undefined ? {} : { "stripe-version": given }),
    ...(call.headers["stripe-account"] === undefined ? {} : { "stripe-account": call.account }),
    ...(call.key === undefined ? {} : { "idempotency-key": call.key }),
    ...(call.key === undefined
      ? {}
      : { "original-request": kept === undefined ? requestId : `req_${kept.requestId}` }),
    ...(kept === undefined ? {} : { "idempotent-replayed": "true" }),
  };
}
