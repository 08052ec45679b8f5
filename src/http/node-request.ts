import type { IncomingMessage } from "node:http";
import { NevertwiceError } from "../model/errors.ts";
import { isJson, readBody } from "./body.ts";
import type { Body, Exchange } from "./handle.ts";
import { readStream } from "./node-delivery.ts";
import type { OperationProtectOptions } from "./protect.ts";

/** A request of node:http as Express and its parsers leave it. */
export interface NodeRequest extends IncomingMessage {
  readonly body?: unknown;
  /** The address before mount points were taken off. */
  readonly originalUrl?: string;
}

/**
 * What the decision needs to know of a request.
 *
 * @param reads whether an unparsed body is read here, which leaves none for a handler behind
 * @throws body-unparsed, body-too-large, input-invalid, option-invalid, and what the options throw
 */
export async function toExchange<Request extends NodeRequest>(
  request: Request,
  options: OperationProtectOptions<Request>,
  bytesMax: number,
  reads: boolean,
): Promise<Exchange> {
  const { method = "", originalUrl, url = "" } = request;
  const given = options.scope(request);
  // Most are there already, and to wait costs more than to look.
  const scope = given instanceof Object ? await given : given;
  const stated = reads ? options.input : options.fingerprint;
  const body = stated ? undefined : bodyOf(request, bytesMax, reads, options.fingerprint);
  return {
    method,
    url: originalUrl ?? url,
    scope,
    body: body instanceof Promise ? await body : body,
    ...(reads && options.input ? { input: await options.input(request) } : {}),
    ...(options.fingerprint ? { fingerprint: await options.fingerprint(request) } : {}),
    header: (name) => headerOf(request, name),
  };
}

export function headerOf({ headers }: NodeRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function bodyOf(
  request: NodeRequest,
  bytesMax: number,
  reads: boolean,
  fingerprint: unknown,
): Promise<Body | undefined> | Body | undefined {
  if (!isAnnounced(request)) return undefined;
  const type = request.headers["content-type"];
  if (wasRead(request)) return parsedBody(request, type, fingerprint);
  if (!reads) throw new NevertwiceError("body-unparsed", `Its type is ${type ?? "not given"}.`);
  return readUnparsed(request, bytesMax, type);
}

async function readUnparsed(
  request: NodeRequest,
  bytesMax: number,
  type: string | undefined,
): Promise<Body | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax)
    throw new NevertwiceError("body-too-large", `The limit is ${bytesMax} bytes.`);
  return readBody(await readStream(request, bytesMax), type);
}

function isAnnounced({ headers }: NodeRequest): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

/** Some parsers leave an empty object where they read nothing, so the stream itself is asked. */
function wasRead(request: NodeRequest): boolean {
  if (request.readableDidRead !== false || request.readableEnded) return true;
  const { body } = request;
  const empty = typeof body === "object" && body !== null && Object.keys(body).length === 0;
  return body !== undefined && !empty;
}

function parsedBody(
  request: NodeRequest,
  type: string | undefined,
  fingerprint: unknown,
): Body | undefined {
  const { body } = request;
  if (body === undefined)
    throw new NevertwiceError(
      "body-unparsed",
      "Something has read the body and left nothing in `request.body`.",
    );
  if (body instanceof Uint8Array) return readBody(body, type);
  if (type !== undefined && /^\s*multipart\//i.test(type) && fingerprint === undefined)
    throw new NevertwiceError(
      "option-invalid",
      "A parsed multipart body has no bytes to compare. Pass `fingerprint: (request) => ...` " +
        "with the JSON that stands for it, such as its fields and a digest of each file.",
    );
  if (typeof body !== "string") return { json: body };
  const parsed = isJson(type) && isParsedString(request, body);
  return parsed ? { json: body } : readBody(Buffer.from(body, "utf8"), type);
}

/** Whether it was a JSON string, rather than the text of an object that no parser has read. */
function isParsedString({ headers }: NodeRequest, body: string): boolean {
  if (!/^\s*[{[]/.test(body)) return true;
  // Its quotes were sent besides.
  const length = headers["content-length"];
  const known = length !== undefined && headers["content-encoding"] === undefined;
  return known && Number(length) > Buffer.byteLength(body) + 1;
}
