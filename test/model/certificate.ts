import { generateKeyPairSync, sign } from "node:crypto";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** One value of ASN.1: its tag, its length and its parts. @see ITU-T X.690, section 8.1 */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length < 128 ? [content.length] : [0x82, content.length >> 8];
  const length = content.length < 128 ? size : [...size, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const SEQUENCE = 0x30;
const ECDSA_WITH_SHA256 = der(SEQUENCE, Buffer.from("06082a8648ce3d040302", "hex"));
const COMMON_NAME = Buffer.from("0603550403", "hex");
const NAME = der(
  SEQUENCE,
  der(0x31, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from("other.example")))),
);
const from = der(0x17, Buffer.from("200101000000Z"));
const until = der(0x17, Buffer.from("491231235959Z"));
const subject = publicKey.export({ type: "spki", format: "der" });
/** Of version 1, without extensions. @see RFC 5280, section 4.1 */
const signed = der(
  SEQUENCE,
  der(0x02, Buffer.from([1])),
  ...[ECDSA_WITH_SHA256, NAME, der(SEQUENCE, from, until), NAME, subject],
);
const signature = der(0x03, Buffer.from([0]), sign("sha256", signed, privateKey));
const bytes = der(SEQUENCE, signed, ECDSA_WITH_SHA256, signature).toString("base64");

/** A certificate that nobody trusts, made for "other.example". */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----\n${bytes}\n-----END CERTIFICATE-----`;
export const PRIVATE_KEY: string = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
