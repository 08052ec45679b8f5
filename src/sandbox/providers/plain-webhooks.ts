import { createHmac } from "node:crypto";
import { isoTime } from "../../model/clock.ts";
import { anySuccess, JSON_TYPE, type Webhooks } from "../webhook.ts";

const GONE = 410;

/** Standard Webhooks, v1. @see https://www.standardwebhooks.com */
export const plainWebhooks: Webhooks = {
  events: ({ kind, before, after }, { identify, now }) => {
    if (before !== undefined) return [];
    const data = after as { readonly id: string };
    const type = `${kind}.succeeded`;
    const body = { type, timestamp: isoTime(now), data };
    return [{ id: identify("msg_"), type, object: data.id, body }];
  },
  secretOf: (letters) => `whsec_${Buffer.from(letters(32)).toString("base64")}`,
  write: ({ event, endpoint, now }) => {
    const text = JSON.stringify(event.body);
    const time = Math.floor(now / 1_000);
    const key = Buffer.from(endpoint.secret.replace(/^whsec_/, ""), "base64");
    const signed = `${event.id}.${time}.${text}`;
    const signature = createHmac("sha256", key).update(signed).digest("base64");
    const headers = {
      ...JSON_TYPE,
      "webhook-id": event.id,
      "webhook-timestamp": String(time),
      "webhook-signature": `v1,${signature}`,
    };
    return { headers, text };
  },
  receipt: (status) => (status === GONE ? "stop" : anySuccess(status)),
};
