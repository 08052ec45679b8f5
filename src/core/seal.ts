import { createCipheriv, createDecipheriv } from "node:crypto";
import { NevertwiceError } from "../model/errors.ts";
import type { RecordId } from "../model/key.ts";
import type { Random } from "../model/random.ts";

/**
 * The keys for stored bodies: new bytes are sealed with `current`, old ones are opened with the key
 * that they name.
 */
export interface EncryptionOptions {
  readonly current: string;
  /** 32 bytes each. Keep a key until everything that it sealed is pruned. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /**
   * True while rows from before encryption was switched on are still kept. Otherwise clear bytes
   * are refused, because whoever can write to the database could have put them there.
   */
  readonly acceptClear?: boolean;
}

/** Seals what is stored and opens it again. */
export interface Sealer {
  /** @param place which column the bytes belong to, so that moved bytes do not open */
  seal(id: RecordId, place: string, bytes: Uint8Array): Uint8Array;
  /** Undefined if the bytes cannot be read: a lost key, or bytes that were altered or moved. */
  open(id: RecordId, place: string, bytes: Uint8Array): Uint8Array | undefined;
}

/** The first byte of stored bytes. */
const CLEAR = 0;
const SEALED = 1;
const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

export function createSealer(options: EncryptionOptions | undefined, random: Random): Sealer {
  if (options !== undefined) checkOptions(options);
  const acceptClear = options === undefined || options.acceptClear === true;
  return {
    seal(id, place, bytes) {
      if (options === undefined) return cleared(bytes);
      const name = Buffer.from(options.current, "utf8");
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, keyOf(options, options.current), nonce);
      cipher.setAAD(context(id, place));
      const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
      return Buffer.concat([
        Buffer.of(SEALED, name.length),
        name,
        nonce,
        cipher.getAuthTag(),
        sealed,
      ]);
    },
    open(id, place, bytes) {
      if (bytes[0] === CLEAR && acceptClear) return bytes.subarray(1);
      if (bytes[0] !== SEALED || options === undefined) return undefined;
      return unseal(options, context(id, place), bytes);
    },
  };
}

function cleared(bytes: Uint8Array): Uint8Array {
  const marked = Buffer.allocUnsafe(bytes.length + 1);
  marked[0] = CLEAR;
  marked.set(bytes, 1);
  return marked;
}

/** Whether stored bytes were sealed with a key. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes[0] === SEALED;
}

function unseal(
  options: EncryptionOptions,
  aad: Uint8Array,
  bytes: Uint8Array,
): Uint8Array | undefined {
  const nameEnd = 2 + (bytes[1] ?? 0);
  const nonceEnd = nameEnd + NONCE_BYTES;
  const tagEnd = nonceEnd + TAG_BYTES;
  const key = ownKey(options, Buffer.from(bytes.subarray(2, nameEnd)).toString("utf8"));
  if (key === undefined || bytes.length < tagEnd) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(nameEnd, nonceEnd), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(bytes.subarray(nonceEnd, tagEnd));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function context(id: RecordId, place: string): Uint8Array {
  return Buffer.from(`${id}:${place}`, "utf8");
}

/** The stored bytes name their key, and a name such as `constructor` is there in every object. */
function ownKey({ keys }: EncryptionOptions, name: string): Uint8Array | undefined {
  return Object.hasOwn(keys, name) ? keys[name] : undefined;
}

function keyOf(options: EncryptionOptions, name: string): Uint8Array {
  const key = ownKey(options, name);
  if (key === undefined)
    throw new NevertwiceError("option-invalid", `\`encryption.keys\` has no key named "${name}".`);
  return key;
}

function checkOptions(options: EncryptionOptions): void {
  keyOf(options, options.current);
  for (const [name, key] of Object.entries(options.keys)) {
    if (Buffer.byteLength(name) > 255)
      throw new NevertwiceError(
        "option-invalid",
        "The name of an encryption key has 255 bytes at most.",
      );
    if (key.length !== KEY_BYTES)
      throw new NevertwiceError(
        "option-invalid",
        `The encryption key "${name}" has ${key.length} bytes instead of ${KEY_BYTES}.`,
      );
  }
}
