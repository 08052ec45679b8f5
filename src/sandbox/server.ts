import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "../model/clock.ts";
import { type Random, systemRandom } from "../model/random.ts";
import { type Fault, type Loss, readFault, readFaults } from "./faults.ts";
import { type Ledger, type LedgerAnswer, openLedger } from "./ledger.ts";
import { errorAnswer, type ProviderAnswer, type ProviderCall, readCall } from "./wire.ts";

export interface SandboxOptions {
  /** The ledger's file; several sandboxes may share it. */
  readonly file: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly host?: string;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Sandbox {
  readonly url: string;
  close(): Promise<void>;
}

const BODY_MAX = 64 * 1024;
const KEY_MAX = 255;
/**
 * A call that never answers holds its socket until the client gives up, but no longer than this.
 */
const HOLD_MS = 60_000;

/** What one request may use. */
interface Desk {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly closing: AbortSignal;
  /** Endpoint and key of the calls that are being executed here. */
  readonly executing: Set<string>;
}

/**
 * Starts the payment provider to break things with. Rejects if the port or the file cannot be had.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const clock = options.clock ?? systemClock;
  const ledger = openLedger(options.file, { clock, random: options.random ?? systemRandom });
  const closing = new AbortController();
  const desk: Desk = { ledger, clock, closing: closing.signal, executing: new Set() };
  const server = createServer((request, response) => {
    answer(desk, request, response).catch(() => {
      if (!response.headersSent)
        send(response, errorAnswer(500, "api_error", "internal", "The sandbox failed."));
      else response.destroy();
    });
  });
  const host = options.host ?? "127.0.0.1";
  try {
    await listen(server, options.port, host);
  } catch (error) {
    ledger.close();
    throw error;
  }
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: async () => {
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      ledger.close();
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
}

async function answer(
  desk: Desk,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://sandbox");
  const limit = readLimit(url.searchParams.get("limit"));
  switch (`${request.method} ${url.pathname}`) {
    case "GET /healthz":
      return send(response, json({ ok: true, pid: process.pid }));
    case "GET /v1/charges":
      return send(response, json({ data: desk.ledger.charges(limit) }));
    case "GET /v1/refunds":
      return send(response, json({ data: desk.ledger.refunds(limit) }));
    case "GET /faults":
      return send(response, json({ next: desk.ledger.faults() }));
    case "DELETE /faults":
      desk.ledger.clearFaults();
      return send(response, json({ next: [] }));
    case "POST /faults":
      return await queueFaults(desk, request, response);
    case "POST /v1/charges":
      return await provide(desk, "charges", request, response);
    case "POST /v1/refunds":
      return await provide(desk, "refunds", request, response);
    default:
      return send(response, invalid(404, "not_found", "There is nothing here."));
  }
}

async function queueFaults(
  desk: Desk,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request);
  if ("refused" in body) return send(response, body.refused);
  const names = readFaults(body.value);
  if ("refused" in names) return send(response, invalid(400, "fault_unknown", names.refused));
  desk.ledger.queueFaults(names);
  send(response, json({ next: desk.ledger.faults() }));
}

async function provide(
  desk: Desk,
  endpoint: ProviderCall["endpoint"],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request);
  if ("refused" in body) return send(response, body.refused);
  const key = request.headersDistinct["idempotency-key"]?.join(", ").trim();
  if (key !== undefined && (key === "" || key.length > KEY_MAX))
    return send(response, invalid(400, "key_malformed", `A key has 1 to ${KEY_MAX} characters.`));
  const call = readCall(endpoint, body.value);
  if ("refused" in call) return send(response, invalid(400, "request_invalid", call.refused));
  const fault = readFault(desk.ledger.takeFault());
  if (fault?.kind === "lost" && fault.when === "before")
    return await lose(desk, fault.how, undefined, response);
  const result = await execute(desk, call, key, fault);
  if (result?.replayed) response.setHeader("idempotent-replayed", "true");
  if (result === undefined) response.destroy();
  else if (fault?.kind === "lost") await lose(desk, fault.how, result, response);
  else send(response, result);
}

/** The ledger's answer, or nothing if the sandbox closed before anything was done. */
async function execute(
  desk: Desk,
  call: ProviderCall,
  key: string | undefined,
  fault: Fault | undefined,
): Promise<LedgerAnswer | undefined> {
  const decline = fault?.kind === "decline";
  const mark = key === undefined ? undefined : `${call.endpoint} ${key}`;
  if (mark !== undefined && desk.executing.has(mark))
    return {
      ...errorAnswer(409, "idempotency_error", "key_in_use", "The key is in use."),
      replayed: false,
    };
  if (mark !== undefined) desk.executing.add(mark);
  try {
    if (fault?.kind === "slow") await desk.clock.sleep(fault.ms, desk.closing);
    if (desk.closing.aborted) return undefined;
    return desk.ledger.execute(call, { idempotencyKey: key, decline });
  } finally {
    if (mark !== undefined) desk.executing.delete(mark);
  }
}

/** Loses an answer on its way; `result` is what would have been answered, if anything happened. */
async function lose(
  desk: Desk,
  how: Loss,
  result: ProviderAnswer | undefined,
  response: ServerResponse,
): Promise<void> {
  switch (how) {
    case "500":
      return send(response, errorAnswer(500, "api_error", "internal", "Something went wrong."));
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "truncated":
      return truncate(result ?? json({}), response);
    case "timeout":
      return await hold(desk, response);
  }
}

function truncate(result: ProviderAnswer, response: ServerResponse): void {
  const bytes = Buffer.from(result.body, "utf8");
  response.writeHead(result.status, headersOf(bytes));
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.destroy());
}

async function hold(desk: Desk, response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  response.once("close", end);
  desk.closing.addEventListener("abort", end, { once: true });
  if (!response.destroyed) await desk.clock.sleep(HOLD_MS, over.signal);
  desk.closing.removeEventListener("abort", end);
  response.socket?.destroy();
}

type Body = { readonly value: unknown } | { readonly refused: ProviderAnswer };

async function readJson(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // What comes after the limit is read and dropped, so that the client can read the refusal.
    if (length <= BODY_MAX) chunks.push(chunk);
  }
  if (length > BODY_MAX)
    return { refused: invalid(413, "body_too_large", `A body has at most ${BODY_MAX} bytes.`) };
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString("utf8")) };
  } catch {
    return { refused: invalid(400, "body_not_json", "The body is not JSON.") };
  }
}

function readLimit(text: string | null): number | undefined {
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

function json(value: unknown): ProviderAnswer {
  return { status: 200, body: JSON.stringify(value) };
}

function invalid(status: number, code: string, message: string): ProviderAnswer {
  return errorAnswer(status, "invalid_request_error", code, message);
}

function send(response: ServerResponse, result: ProviderAnswer): void {
  const bytes = Buffer.from(result.body, "utf8");
  response.writeHead(result.status, headersOf(bytes));
  response.end(bytes);
}

function headersOf(bytes: Buffer): Record<string, string | number> {
  return { "content-type": "application/json", "content-length": bytes.length };
}
