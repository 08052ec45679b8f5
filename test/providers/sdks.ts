import { createRequire } from "node:module";
import { Checkout } from "checkout-sdk-node";
import type { BraintreeSdk } from "../../src/providers/braintree.ts";
import type { CheckoutSdk } from "../../src/providers/checkout.ts";
import type { RazorpaySdk } from "../../src/providers/razorpay.ts";

/** The SDKs of some providers have no types of their own, or lack what is used of them. */
const load = createRequire(import.meta.url);

export function checkoutOf(url: string): CheckoutSdk {
  const secret = "sk_sbox_abcdefghijklmnopqrstuvwxyz2";
  return new Checkout(secret, { host: `${url}/checkout`, httpClient: "fetch" });
}

export function razorpayOf(url: string): RazorpaySdk {
  const Razorpay = load("razorpay") as new (
    options: object,
  ) => RazorpaySdk & { api: { rq: { defaults: { baseURL?: string } } } };
  const sdk = new Razorpay({ key_id: "rzp_test_shop", key_secret: "s" });
  sdk.api.rq.defaults.baseURL = `${url}/razorpay`;
  return sdk;
}

export function braintreeOf(url: string): BraintreeSdk {
  const library = load("braintree") as {
    readonly Environment: new (server: string, port: string, url: string, ssl: boolean) => object;
    readonly BraintreeGateway: new (config: object) => BraintreeSdk;
  };
  const { hostname, port } = new URL(url);
  return new library.BraintreeGateway({
    environment: new library.Environment(hostname, port, "", false),
    ...{ merchantId: "shop", publicKey: "public", privateKey: "private" },
  });
}
