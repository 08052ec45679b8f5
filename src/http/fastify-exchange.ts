import { NevertwiceError } from "../model/errors.ts";
import { isJson, mediaType, readBody } from "./body.ts";
import type { Body, Exchange } from "./handle.ts";
import { asClientError, problemOfError } from "./problem.ts";
import type { OperationProtectOptions } from "./protect.ts";
import type { Reply } from "./reply.ts";

/** What is used of Fastify's request. */
export interface FastifyRequest {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  readonly is404: boolean;
}

/** What is used of Fastify's reply. */
export interface FastifyReply {
  readonly raw: object;
  readonly sent: boolean;
  statusCode: number;
  header(name: string, value: unknown): unknown;
  removeHeader(name: string): unknown;
  getHeaders(): Record<string, number | string | string[] | undefined>;
  send(payload?: never): unknown;
  hijack(): unknown;
}

export async function toExchange<Request extends FastifyRequest>(
  request: Request,
  options: OperationProtectOptions<Request>,
): Promise<Exchange> {
  const { scope, input, fingerprint } = options;
  const wraps = "afterCrash" in options;
  const stated = wraps ? fingerprint : input;
  return {
    method: request.method,
    url: request.originalUrl,
    scope: await scope(request),
    body: stated ? undefined : bodyOf(request, fingerprint),
    ...(input && !wraps ? { input: await input(request) } : {}),
    ...(fingerprint ? { fingerprint: await fingerprint(request) } : {}),
    header: (name) => headerOf(request, name),
  };
}

export function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/**
 * The body that Fastify's parsers have left.
 *
 * @throws body-unparsed, input-invalid, option-invalid
 */
function bodyOf(request: FastifyRequest, fingerprint: unknown): Body | undefined {
  const { body } = request;
  const type = headerOf(request, "content-type");
  if (body === undefined) {
    const length = headerOf(request, "content-length") ?? "0";
    if (length === "0" && headerOf(request, "transfer-encoding") === undefined) return undefined;
    throw new NevertwiceError("body-unparsed", `No parser has read the ${type ?? "untyped"} body.`);
  }
  if (body instanceof Uint8Array) return readBody(body, type);
  if (typeof body === "string" && !isJson(type)) return { bytes: Buffer.from(body, "utf8") };
  if (mediaType(type).startsWith("multipart/") && fingerprint === undefined)
    throw new NevertwiceError(
      "option-invalid",
      "A parsed multipart body has no bytes to compare. Pass `fingerprint: (request) => ...` " +
        "with the JSON that stands for it.",
    );
  if (typeof body === "object" && body !== null && "pipe" in body)
    throw new NevertwiceError("body-unparsed", "The body is a stream that nothing has read.");
  return { json: body };
}

/** Sets the status and the headers of a reply. @returns its payload as Fastify's hooks want it */
export function writeReply(
  reply: FastifyReply,
  { status, headers, body }: Omit<Reply, "source">,
): Buffer | null {
  // Fastify counts the bytes itself.
  reply.removeHeader("content-length");
  reply.removeHeader("transfer-encoding");
  reply.removeHeader("trailer");
  reply.statusCode = status;
  const lines = Map.groupBy(headers, ([name]) => name);
  for (const [name, all] of lines)
    reply.header(name, all.length === 1 ? all[0]?.[1] : all.map(([, value]) => value));
  return body.length === 0 ? null : Buffer.from(body);
}

/** Takes back every header that was set since. */
export function restoreHeaders(
  reply: FastifyReply,
  before: ReturnType<FastifyReply["getHeaders"]>,
): void {
  for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
  for (const [name, value] of Object.entries(before)) reply.header(name, value);
}

/** The reply, or the problem that the client has made. */
export async function orProblem(work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await work();
  } catch (error) {
    const known = asClientError(error);
    if (known) return problemOfError(known);
    throw error;
  }
}
