import { NevertwiceError } from "../model/errors.ts";
import { collect } from "./body.ts";
import type { Exchange } from "./handle.ts";

/** A response is read whole up to this multiple of what is kept; what is not kept is sent once. */
export const READ_FACTOR = 8;

/** All bytes of a handler's streamed answer. @throws response-unreplayable */
export async function readWhole(
  stream: AsyncIterable<Uint8Array | string>,
  responseBytesMax: number,
): Promise<Uint8Array> {
  const bytesMax = READ_FACTOR * responseBytesMax;
  try {
    return await collect(toBytes(stream), bytesMax);
  } catch (error) {
    throw new NevertwiceError(
      "response-unreplayable",
      `The response broke off, or has more than ${bytesMax} bytes.`,
      { cause: error },
    );
  }
}

async function* toBytes(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream)
    yield typeof chunk === "string" ? Buffer.from(chunk, "utf8") : chunk;
}

/** An event stream has no end to wait for. @throws response-unreplayable */
export function refuseEventStream(contentType: unknown): void {
  if (/^\s*text\/event-stream\b/i.test(String(contentType)))
    throw new NevertwiceError("response-unreplayable", "The handler answers with an event stream.");
}

/** The error that a framework has made an answer of, judged by the status of that answer. */
export function answeredError(status: number, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message, { cause: error }), { status });
}

/**
 * The exchange without `Prefer: respond-async`: a framework has one response per request, and the
 * running handler holds it. RFC 7240 lets a server pass a preference over.
 */
export function withoutAsync(exchange: Exchange): Exchange {
  if (exchange.header("prefer") === undefined) return exchange;
  return {
    ...exchange,
    header: (name) =>
      name === "prefer"
        ? exchange.header(name)?.replace(/\brespond-async\b/gi, "")
        : exchange.header(name),
  };
}
