import type { InDoubt } from "../core/judgement.ts";

/** An answer of an HTTP API, read whole. */
export interface FetchAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined for an empty one. @throws SyntaxError */
  json(): unknown;
}

/** An answer that came and does not tell what the request did. */
export class AnswerError extends Error {
  override readonly name: string = "AnswerError";
  readonly because: InDoubt["because"];

  constructor(because: InDoubt["because"], message: string, cause?: unknown) {
    super(message, { cause });
    this.because = because;
  }
}

/**
 * Reads an answer to its end.
 *
 * @param maxBytes of the body, after decompression
 * @throws AnswerError if it breaks off, is longer, or is not text in UTF-8
 */
export async function readAnswer(response: Response, maxBytes: number): Promise<FetchAnswer> {
  const { status, headers } = response;
  const text = await readText(response, maxBytes).catch((error: unknown) => {
    throw new AnswerError(status >= 500 ? "failed" : "unanswered", unreadable(status), error);
  });
  return { status, headers, text, json: () => (text === "" ? undefined : JSON.parse(text)) };
}

const unreadable = (status: number): string => `The answer ${status} could not be read.`;

async function readText(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parts: string[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop cancels the rest.
    if (length > maxBytes) throw new Error(`It has more than ${maxBytes} bytes.`);
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

const RETRY_AFTER_MAX_S = 86_400;

/**
 * When the provider wants to be asked again, in milliseconds; undefined if it does not say so in
 * seconds.
 *
 * @see RFC 9110, section 10.2.3
 */
export function retryAfterMs(value: string | null | undefined): number | undefined {
  const seconds = value?.trim() ?? "";
  if (!/^\d{1,9}$/.test(seconds)) return undefined;
  return Math.min(Number(seconds), RETRY_AFTER_MAX_S) * 1_000;
}
