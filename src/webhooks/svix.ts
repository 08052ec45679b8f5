import type { WebhookProvider } from "../model/delivery.ts";
import { type StandardWebhookOptions, standardWebhook } from "./standard.ts";

export type SvixWebhookOptions = Omit<StandardWebhookOptions, "headers">;

/**
 * Webhooks that come by Svix, such as those of Clerk or Resend: Standard Webhooks whose headers
 * begin with `svix-`.
 *
 * Source: https://docs.svix.com/receiving/verifying-payloads/how-manual
 *
 * @throws option-invalid
 */
export function svixWebhook(options: SvixWebhookOptions): WebhookProvider {
  return standardWebhook({ source: "svix", ...options, headers: "svix" });
}
