import { NevertwiceError } from "../model/errors.ts";
import type { Body } from "./handle.ts";

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** True for application/json and every +json type. */
export function isJson(contentType: string | undefined): boolean {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return type === "application/json" || type.endsWith("+json");
}

/** The body of a request by its type; JSON is read strictly, anything else stays bytes. @throws input-invalid */
export function readBody(bytes: Uint8Array, contentType: string | undefined): Body | undefined {
  if (bytes.length === 0) return undefined;
  if (!isJson(contentType)) return { bytes };
  try {
    return { json: JSON.parse(DECODER.decode(bytes)) };
  } catch (error) {
    throw new NevertwiceError("input-invalid", "The body is not valid JSON in UTF-8.", {
      cause: error,
    });
  }
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
  return Buffer.concat(chunks, length);
}
