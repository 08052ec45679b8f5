import type { Readable } from "node:stream";
import { NevertwiceError } from "../model/errors.ts";
import { collect } from "./body.ts";

/** What is used of the head of a request of node:http. */
export interface NodeHead {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly headersDistinct?: Readonly<Record<string, string[] | undefined>>;
}

/** All values of a header, each line of its own. Requests that are not node's have joined them. */
export function headerValues({ headersDistinct, headers }: NodeHead, name: string): string[] {
  return headersDistinct?.[name] ?? [headers[name] ?? []].flat();
}

/**
 * All bytes of a body. The connection outlives one that is too large, so that its sender can be
 * told: what is left of it is read and dropped, or the next request would wait behind it.
 *
 * @throws body-too-large
 */
export async function readStream(stream: Readable, bytesMax: number): Promise<Uint8Array> {
  try {
    return await collect(stream.iterator({ destroyOnReturn: false }), bytesMax);
  } catch (error) {
    stream.resume();
    throw error;
  }
}

/**
 * All bytes of a stream that nobody has read.
 *
 * @param mend how to keep others from reading it first
 * @throws body-parsed, body-too-large
 */
export async function readUntouched(
  stream: Readable,
  head: NodeHead,
  bytesMax: number,
  mend: string,
): Promise<Uint8Array> {
  if (stream.readableDidRead === false && !stream.readableEnded)
    return readStream(stream, bytesMax);
  if (isAnnounced(head)) throw new NevertwiceError("body-parsed", mend);
  return new Uint8Array(0);
}

function isAnnounced(head: NodeHead): boolean {
  const [length = "0"] = headerValues(head, "content-length");
  return length !== "0" || headerValues(head, "transfer-encoding").length > 0;
}
