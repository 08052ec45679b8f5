import { NevertwiceError } from "../model/errors.ts";
import { hasRepeatedMember } from "../model/members.ts";
import type { Body } from "./handle.ts";

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** True for application/json and every +json type. */
export function isJson(contentType: string | undefined): boolean {
  const type = mediaType(contentType);
  return type === "application/json" || type.endsWith("+json");
}

/**
 * The body by its type: JSON read strictly, anything else as bytes.
 *
 * @throws input-invalid, payload-ambiguous
 */
export function readBody(bytes: Uint8Array, contentType: string | undefined): Body | undefined {
  if (bytes.length === 0) return undefined;
  return isJson(contentType) ? { json: readJson(bytes) } : { bytes };
}

function readJson(bytes: Uint8Array): unknown {
  let text: string;
  let json: unknown;
  try {
    text = DECODER.decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw new NevertwiceError("input-invalid", "The body is not valid JSON in UTF-8.", {
      cause: error,
    });
  }
  // Whoever reads the same bytes before or behind us may keep the other one.
  if (hasRepeatedMember(text, json))
    throw new NevertwiceError("payload-ambiguous", "An object names a member more than once.");
  return json;
}

/** All bytes of a stream, or a refusal as soon as they are too many. @throws body-too-large */
export async function collect(
  stream: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > bytesMax)
      throw new NevertwiceError("body-too-large", `The limit is ${bytesMax} bytes.`);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length);
}

/**
 * All bytes of a web stream. What is left of one that is too large is let go without a wait: a
 * stream that was cloned ends only with its other half, which nobody may ever read.
 *
 * @throws body-too-large
 */
export async function collectWeb(
  stream: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array(0);
  try {
    return await collect(stream.values({ preventCancel: true }), bytesMax);
  } catch (error) {
    letGo(stream);
    throw error;
  }
}

/** Says that nobody will read it; whoever holds its other half goes on. */
export function letGo(stream: ReadableStream | null | undefined): void {
  if (stream?.locked === false) stream.cancel().catch(() => undefined);
}

/** The type without its parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
