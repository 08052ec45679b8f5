import http from "node:http";
import https from "node:https";
import { createMollieClient, type MollieClient } from "@mollie/api-client";

/** The client insists on HTTPS, but for the agent that it makes when it is created. */
export function clientOf(url: string): MollieClient {
  const { Agent } = https;
  try {
    https.Agent = http.Agent as typeof https.Agent;
    return createMollieClient({ apiKey: "test_shop", apiEndpoint: `${url}/mollie/v2/` });
  } finally {
    https.Agent = Agent;
  }
}
