import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export interface SelfSigned {
  readonly pem: string;
  readonly privateKey: KeyObject;
}

export interface Wanted {
  /** The common name of the subject. */
  readonly name: string;
  /** As `YYYYMMDD`. */
  readonly from?: string;
  readonly to?: string;
  readonly bits?: number;
}

/** A certificate of an RSA key, signed by itself (RFC 5280, section 4.1). */
export function selfSigned({
  name,
  from = "20200101",
  to = "20991231",
  bits = 2048,
}: Wanted): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const algorithm = sequence(SHA256_WITH_RSA, element(0x05));
  const common = sequence(COMMON_NAME, element(0x0c, Buffer.from(name)));
  const subject = sequence(element(0x31, common));
  const body = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.from([1])),
    algorithm,
    subject,
    sequence(time(from), time(to)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", body, privateKey)]);
  const der = sequence(body, algorithm, element(0x03, signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  const pem = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { pem, privateKey };
}

const SHA256_WITH_RSA = Buffer.from("06092a864886f70d01010b", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");

function time(day: string): Buffer {
  return element(0x18, Buffer.from(`${day}000000Z`));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, ...parts);
}

/** One element of DER: its tag, its length and its content. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const long =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...long]), content]);
}
