import { verify, type X509Certificate } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import { decodeSignature } from "./hmac.ts";
import { eventKey } from "./naming.ts";
import { fetchPayPalCertificate, payPalCertificates } from "./paypal-certificate.ts";
import { payPalEvent } from "./paypal-event.ts";
import { commonOptions, signedHeader, textOf, type WebhookOptions } from "./read.ts";
import { checkSignedTime } from "./signature.ts";
import { checkTolerance } from "./stamp.ts";

export interface PayPalWebhookOptions extends WebhookOptions {
  /** The webhook's id, as PayPal shows it: it is signed too. Several while one replaces another. */
  readonly webhookId: string | readonly string[];
  /** How old the signed time may be, in milliseconds; not checked by default. */
  readonly toleranceMs?: number;
  /** Gets a certificate as PEM; from PayPal's own hosts alone it is asked for one. */
  readonly fetchCertificate?: (url: string) => Promise<string>;
  /** The one certificate to believe, as PEM, where none is to be fetched, as in a sandbox. */
  readonly certificate?: string;
}

/**
 * The webhooks of PayPal. What is signed is a CRC-32 of the body, for which another body is found
 * in no time: whoever has one delivery can make others of it. So each event is a hint, the object
 * is read back before any effect, and the key is the id in the body, for want of a signed one.
 *
 * Source: https://developer.paypal.com/api/rest/webhooks/rest/
 *
 * @throws option-invalid
 */
export function paypalWebhook(options: PayPalWebhookOptions): WebhookProvider {
  const { toleranceMs, fetchCertificate = fetchPayPalCertificate } = options;
  const ids = [options.webhookId].flat();
  if (
    ids.length === 0 ||
    !ids.every((id) => typeof id === "string" && /^[\x21-\x7b\x7d\x7e]+$/.test(id))
  )
    throw new NevertwiceError("option-invalid", "`webhookId` is missing or empty.");
  checkTolerance(toleranceMs);
  const certificates = payPalCertificates(fetchCertificate, options.certificate);
  return {
    ...commonOptions(options, "paypal"),
    acknowledgement: { status: 200 },
    async read(delivery, now): Promise<Reading> {
      const envelope = envelopeOf(delivery);
      const text = textOf(delivery);
      const certificate = await certificates(envelope.url, now);
      const signed = ids.filter((id) => isSigned(envelope, id, delivery.body, certificate));
      const [webhookId] = signed;
      if (webhookId === undefined) throw new NevertwiceError("signature-wrong");
      const signedAt = timeOf(envelope);
      if (toleranceMs !== undefined) checkSignedTime(signedAt, now, toleranceMs);
      const event = payPalEvent(text, [eventKey("transmission", envelope.id)]);
      return { kind: "events", secret: webhookId, events: [event] };
    },
  };
}

interface Envelope {
  readonly id: string;
  readonly time: string;
  readonly url: string;
  readonly signature: Uint8Array;
}

/** @throws signature-missing, signature-wrong for another algorithm */
function envelopeOf(delivery: Delivery): Envelope {
  const id = signedHeader(delivery, "paypal-transmission-id");
  const time = signedHeader(delivery, "paypal-transmission-time");
  const url = signedHeader(delivery, "paypal-cert-url");
  const algorithm = signedHeader(delivery, "paypal-auth-algo");
  const signature = decodeSignature(signedHeader(delivery, "paypal-transmission-sig"), "base64");
  if (signature === undefined || id.includes("|") || time.includes("|"))
    throw new NevertwiceError(
      "signature-missing",
      "The headers of the signature are not readable.",
    );
  if (algorithm !== "SHA256withRSA")
    throw new NevertwiceError("signature-wrong", "Only SHA256withRSA counts.");
  return { id, time, url, signature };
}

function isSigned(
  { id, time, signature }: Envelope,
  webhookId: string,
  body: Uint8Array,
  { publicKey }: X509Certificate,
): boolean {
  const content = Buffer.from([id, time, webhookId, String(crc32(body))].join("|"));
  return verify("sha256", content, publicKey, signature);
}

/** @throws signature-missing */
function timeOf({ time }: Envelope): number {
  const ms = Date.parse(time);
  if (!Number.isNaN(ms)) return ms;
  throw new NevertwiceError("signature-missing", "The signed time is none.");
}
