import { Agent } from "node:https";
import { connect } from "node:net";
import { Client } from "@paypal/paypal-server-sdk";

/**
 * The SDK knows PayPal's addresses only; its agent for https is where its bytes can be led to the
 * loopback, in clear.
 */
export function paypalClient(url: string, id = "shop"): Client {
  const { hostname, port } = new URL(url);
  const httpsAgent = Object.assign(new Agent(), {
    createConnection: () => connect(Number(port), hostname),
  });
  return new Client({
    clientCredentialsAuthCredentials: { oAuthClientId: id, oAuthClientSecret: "secret" },
    httpClientOptions: {
      httpsAgent,
      // As a merchant may have it; our sends must not be repeated all the same.
      retryConfig: {
        maxNumberOfRetries: 2,
        maximumRetryWaitTime: 5,
        httpMethodsToRetry: ["POST"],
        retryInterval: 0.01,
      },
    },
  });
}
