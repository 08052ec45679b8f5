import { X509Certificate } from "node:crypto";
import { systemClock } from "../model/clock.ts";
import { NevertwiceError } from "../model/errors.ts";

const KEPT_MAX = 16;
const BYTES_MAX = 65_536;
const TIMEOUT_MS = 10_000;
const KEY_BITS_MIN = 2_048;

/** Gives the certificate of an address that a delivery names. @throws signature-wrong */
export type PayPalCertificates = (url: string, now: number) => Promise<X509Certificate>;

/**
 * Certificates by their address, fetched once and kept. One that is given instead is believed as it
 * is, but for its dates.
 *
 * @throws option-invalid
 */
export function payPalCertificates(
  fetchPem: (url: string) => Promise<string>,
  given: string | undefined,
): PayPalCertificates {
  if (given !== undefined) {
    const certificate = certificateOf(given, "option-invalid");
    return async (_, now) => current(certificate, now);
  }
  const kept = new Map<string, Promise<X509Certificate>>();
  return async (address, now) => {
    const url = checkedAddress(address);
    let certificate = kept.get(url);
    if (certificate === undefined) {
      certificate = getCertificate(fetchPem, url);
      for (const oldest of kept.keys()) if (kept.size >= KEPT_MAX) kept.delete(oldest);
      kept.set(url, certificate);
    }
    try {
      return current(await certificate, now);
    } catch (error) {
      // What failed, or has run out, is fetched anew for the next delivery.
      if (kept.get(url) === certificate) kept.delete(url);
      throw error;
    }
  };
}

/** Anybody can name an address in a header, so only PayPal's own counts. @throws signature-wrong */
function checkedAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isOurs =
    url?.protocol === "https:" &&
    isPayPal(url.hostname) &&
    url.port === "" &&
    url.username === "" &&
    url.password === "" &&
    url.search === "" &&
    /^\/v1\/notifications\/certs\/[A-Za-z0-9._-]{1,200}$/.test(url.pathname);
  if (url === undefined || !isOurs)
    throw new NevertwiceError("signature-wrong", "The certificate's address is not PayPal's.");
  return `https://${url.hostname}${url.pathname}`;
}

function isPayPal(host: string): boolean {
  return host === "paypal.com" || host.endsWith(".paypal.com");
}

async function getCertificate(
  fetchPem: (url: string) => Promise<string>,
  url: string,
): Promise<X509Certificate> {
  let pem: string;
  try {
    pem = await fetchPem(url);
  } catch (error) {
    const detail = "PayPal's certificate could not be fetched.";
    throw new NevertwiceError("signature-wrong", detail, { cause: error });
  }
  const certificate = certificateOf(pem, "signature-wrong");
  const names = namesOf(certificate);
  if (names.some(isPayPal)) return certificate;
  throw new NevertwiceError("signature-wrong", "The certificate was not made for PayPal.");
}

/** The hosts that a certificate was made for. */
function namesOf({ subject, subjectAltName }: X509Certificate): readonly string[] {
  const common = /^CN=(.+)$/m.exec(subject)?.[1];
  const others = [...(subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name);
  return [common, ...others].flatMap((name) => (name === undefined ? [] : [name.toLowerCase()]));
}

/** The first of a PEM text: its chain may follow. */
function certificateOf(pem: string, code: "option-invalid" | "signature-wrong"): X509Certificate {
  try {
    const certificate = new X509Certificate(pem);
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    if (asymmetricKeyType === "rsa" && bits >= KEY_BITS_MIN) return certificate;
  } catch (error) {
    throw new NevertwiceError(code, "The certificate is not readable.", { cause: error });
  }
  throw new NevertwiceError(code, "The certificate has no RSA key of 2048 bits.");
}

function current(certificate: X509Certificate, now: number): X509Certificate {
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  if (from <= now && now <= to) return certificate;
  throw new NevertwiceError("signature-wrong", "The certificate is out of its dates.");
}

/** Gets a certificate over the network: bounded in size and time, and without redirects. */
export async function fetchPayPalCertificate(url: string): Promise<string> {
  const late = new AbortController();
  const stop = systemClock.timer(TIMEOUT_MS, () => late.abort());
  try {
    const response = await fetch(url, { redirect: "error", signal: late.signal });
    if (!response.ok || response.body === null)
      throw new Error(`The answer has the status ${response.status}.`);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body) {
      length += chunk.length;
      if (length > BYTES_MAX) throw new Error("The answer is too long for a certificate.");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("latin1");
  } finally {
    stop();
  }
}
