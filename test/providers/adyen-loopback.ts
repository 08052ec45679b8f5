import { type ClientRequest, type OutgoingHttpHeaders, request } from "node:http";
import { CheckoutAPI, Client, EnvironmentEnum, HttpURLConnectionClient } from "@adyen/api-library";

/** What the SDK makes a request of. */
interface Options {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly idempotencyKey?: string;
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * The SDK knows Adyen's addresses only, and https. Its own client for HTTP can be replaced; this
 * is that client, but for where and how a request leaves: to the loopback, in clear.
 */
export function adyenCheckout(url: string, apiKey = "AQE_shop"): CheckoutAPI {
  const http = new HttpURLConnectionClient();
  Reflect.set(http, "createRequest", (endpoint: string, options: Options): ClientRequest => {
    const { idempotencyKey, headers, timeout, signal, method = "POST" } = options;
    const key = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    return request(url + new URL(endpoint).pathname, {
      method,
      headers: { ...headers, ...key },
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal === undefined ? {} : { signal }),
    });
  });
  const config = { apiKey, environment: EnvironmentEnum.TEST } as Client["config"];
  return new CheckoutAPI(new Client(config, http));
}
