import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "./body.ts";
import { readLedger } from "./books.ts";
import { deliver, deliverJson } from "./delivery.ts";
import type { Desk } from "./desk.ts";
import { readFaultOrder } from "./faults.ts";
import { emptyFile } from "./file.ts";
import { SETTING_NAMES, type SettingName } from "./settings.ts";
import { webhookControl } from "./webhooks/control.ts";

/** A hundred years: more than any provider keeps a key. */
const MS_MAX = 100 * 366 * 86_400_000;

interface Answered {
  readonly status: number;
  readonly value: unknown;
}

/**
 * The sandbox's own routes, which no provider has. @returns false for a request to a provider
 */
export async function control(
  desk: Desk,
  providers: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const url = new URL(request.url ?? "/", "http://sandbox");
  const route = `${request.method} ${url.pathname}`;
  if (!isOwn(url.pathname)) return false;
  const body = await readBody(request);
  if ("refusal" in body) {
    deliverJson(response, 400, failure("body_not_json", "The body is not JSON, or too large."));
    return true;
  }
  const told = await webhookControl(desk.webhooks, route, url, body.value);
  if (told !== undefined && "text" in told) {
    const headers = { "content-type": "application/x-pem-file" };
    deliver(response, { status: 200, text: told.text, headers });
    return true;
  }
  if (told !== undefined) {
    const refusal = "refused" in told ? told : undefined;
    const status = refusal === undefined ? 200 : (refusal.status ?? 400);
    const code = status === 404 ? "not_found" : "request_invalid";
    deliverJson(response, status, "refused" in told ? failure(code, told.refused) : told.value);
    return true;
  }
  const { status, value } = answer(desk, providers, route, { url, body: body.value });
  deliverJson(response, status, value);
  return true;
}

function isOwn(path: string): boolean {
  return path.startsWith("/sandbox/") || path === "/healthz" || path === "/faults";
}

function answer(
  desk: Desk,
  providers: readonly string[],
  route: string,
  { url, body }: { readonly url: URL; readonly body: unknown },
): Answered {
  switch (route) {
    case "GET /healthz":
      return ok({ ok: true, pid: process.pid });
    case "GET /sandbox/ledger":
      return ok({ data: readLedger(desk.db, url.searchParams.get("provider") ?? undefined) });
    case "POST /sandbox/reset":
      emptyFile(desk.db);
      return ok({ ok: true });
    case "GET /sandbox/clock":
      return ok(clockOf(desk));
    case "POST /sandbox/clock":
      return advance(desk, body);
    case "GET /sandbox/settings":
      return ok({ data: desk.settings.all() });
    case "POST /sandbox/settings":
      return change(desk, providers, body);
    case "GET /faults":
      return ok({ next: desk.faults.next().map(({ fault }) => fault) });
    case "GET /sandbox/faults":
      return ok({ next: desk.faults.next(), chances: desk.faults.chances() });
    case "DELETE /faults":
    case "DELETE /sandbox/faults":
      desk.faults.clear();
      return ok({ next: [] });
    case "POST /faults":
    case "POST /sandbox/faults":
      return orderFaults(desk, providers, route, body);
    default:
      return { status: 404, value: failure("not_found", "The sandbox has no such route.") };
  }
}

function orderFaults(
  desk: Desk,
  providers: readonly string[],
  route: string,
  body: unknown,
): Answered {
  const order = readFaultOrder(body, providers);
  if ("refused" in order) return { status: 400, value: failure("fault_unknown", order.refused) };
  desk.faults.order(order);
  const next = desk.faults.next();
  if (route === "POST /faults") return ok({ next: next.map(({ fault }) => fault) });
  return ok({ next, chances: desk.faults.chances() });
}

function clockOf(desk: Desk): { readonly now: number } {
  return { now: desk.settings.now() };
}

function advance(desk: Desk, body: unknown): Answered {
  const { advanceMs }: { advanceMs?: unknown } = isObject(body) ? body : {};
  if (!isMs(advanceMs)) return invalid("advanceMs must be a whole number of milliseconds.");
  desk.settings.advance(advanceMs);
  desk.webhooks.passed();
  return ok(clockOf(desk));
}

/** `{ "indexLagMs": 60000 }` for all providers, or for the one that is named. */
function change(desk: Desk, providers: readonly string[], body: unknown): Answered {
  if (!isObject(body)) return invalid(`Send an object with ${SETTING_NAMES.join(", ")}.`);
  const { provider, ...values } = body as { provider?: unknown };
  if (provider !== undefined && !isOneOf(providers, provider))
    return invalid(`provider must be one of: ${providers.join(", ")}.`);
  const entries = Object.entries(values);
  for (const [name, value] of entries)
    if (!isOneOf(SETTING_NAMES, name) || !isMs(value))
      return invalid(`Send whole milliseconds for ${SETTING_NAMES.join(", ")}, not ${name}.`);
  for (const [name, value] of entries as [SettingName, number][])
    desk.settings.write(name, value, provider);
  return ok({ data: desk.settings.all() });
}

function isOneOf(names: readonly string[], name: unknown): name is string {
  return names.some((known) => known === name);
}

function isMs(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MS_MAX;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function ok(value: unknown): Answered {
  return { status: 200, value };
}

function invalid(message: string): Answered {
  return { status: 400, value: failure("request_invalid", message) };
}

function failure(code: string, message: string): unknown {
  return { error: { type: "invalid_request_error", code, message } };
}
