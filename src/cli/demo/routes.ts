import type { Passed, SandboxClient } from "../../sandbox/client.ts";
import { isObject } from "../../sandbox/wire.ts";
import { servePage } from "./page.ts";
import {
  type DemoState,
  type Endpoint,
  type EventRow,
  type Order,
  type Receipt,
  readEventFaults,
  readProvider,
  SHOWN_MAX,
} from "./state.ts";
import type { Timeline } from "./timeline.ts";
import { problem, type WebHandler } from "./web.ts";
import type { WebhookControl } from "./webhook-control.ts";

export const CRASHES = ["before-charge", "after-charge"] as const;
/** Where the next checkout's process ends. */
export type CrashPoint = (typeof CRASHES)[number];

/** What the routes are made of. */
export interface ShopParts {
  readonly provider: SandboxClient;
  /** Oldest first. */
  readonly orders: () => Promise<readonly Order[]>;
  readonly checkout: WebHandler;
  readonly refund: WebHandler;
  /** The same shop without protection. */
  readonly naiveCheckout: WebHandler;
  /** The operation of a key of the scope, or nothing if the key is unknown. */
  readonly timeline: (scope: string, key: string) => Promise<Timeline | undefined>;
  readonly crash: (at: CrashPoint) => void;
  /** Takes what the provider tells. */
  readonly webhook: WebHandler;
  readonly control: WebhookControl;
  /** Newest first. */
  readonly events: () => Promise<readonly EventRow[]>;
  readonly endpoint: () => Omit<Endpoint, "faults">;
  /** Oldest first. */
  readonly receipts: () => Promise<readonly Receipt[]>;
  /** The next receipt arrives, and its answer is lost. */
  readonly loseReceipt: () => void;
}

/** Where the provider sends its events. */
export const WEBHOOK_PATH = "/webhooks/sandbox";

const SCOPE = "demo";

type Route = (request: Request, url: URL) => Promise<Response>;

/** The shop's HTTP interface as one web-standard handler. */
export function shopRoutes(parts: ShopParts): WebHandler {
  const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
    "/healthz": { GET: async () => Response.json({ ok: true, pid: process.pid }) },
    "/checkout": { POST: parts.checkout },
    "/refund": { POST: parts.refund },
    "/naive/checkout": { POST: parts.naiveCheckout },
    "/orders": { GET: async () => Response.json({ data: await parts.orders() }) },
    "/sandbox/charges": { GET: async () => pass(await parts.provider.charges()) },
    "/sandbox/refunds": { GET: async () => pass(await parts.provider.refunds()) },
    "/sandbox/faults": {
      GET: async () => pass(await parts.provider.faults()),
      POST: async (request) => pass(await parts.provider.queueFaults(await readJson(request))),
      DELETE: async () => pass(await parts.provider.clearFaults()),
    },
    "/sandbox/webhook-faults": {
      GET: async () => pass(await parts.control.faults()),
      POST: async (request) => pass(await parts.control.orderFaults(await readJson(request))),
      DELETE: async () => pass(await parts.control.clearFaults()),
    },
    [WEBHOOK_PATH]: { POST: parts.webhook },
    "/demo/lose-receipt": { POST: async () => loseReceipt(parts) },
    "/demo/crash": { POST: async (request) => armCrash(parts, await readJson(request)) },
    "/demo/state": { GET: async (_, url) => Response.json(await readState(parts, url)) },
  };
  return async (request) => {
    const url = new URL(request.url);
    const method = request.method === "HEAD" ? "GET" : request.method;
    const methods = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
    if (methods !== undefined) {
      const route = Object.hasOwn(methods, method) ? methods[method] : undefined;
      return route === undefined ? notAllowed(Object.keys(methods)) : await route(request, url);
    }
    const page = await servePage(url.pathname);
    if (page === undefined) return problem(404, `There is nothing at ${url.pathname}.`);
    return method === "GET" ? page : notAllowed(["GET"]);
  };
}

function armCrash(parts: ShopParts, body: unknown): Response {
  const wanted = typeof body === "object" && body !== null && "at" in body ? body.at : undefined;
  const at = CRASHES.find((point) => point === wanted);
  if (at === undefined) {
    const points = CRASHES.map((point) => `{"at": "${point}"}`).join(" or ");
    return problem(400, `Send ${points}.`);
  }
  parts.crash(at);
  return Response.json({ at });
}

function loseReceipt({ loseReceipt: lose }: ShopParts): Response {
  lose();
  return Response.json({ next: "answer-lost" });
}

async function readState(parts: ShopParts, url: URL): Promise<DemoState> {
  const key = url.searchParams.get("key") ?? "";
  const [orders, provider, operation, events, receipts, faults] = await Promise.all([
    parts.orders(),
    readProvider(parts.provider),
    key === "" ? undefined : parts.timeline(url.searchParams.get("scope") ?? SCOPE, key),
    parts.events(),
    parts.receipts(),
    parts.control.faults(),
  ]);
  return {
    pid: process.pid,
    orders: orders.slice(-SHOWN_MAX),
    provider,
    operation: operation ?? null,
    events,
    receipts: receipts.slice(-SHOWN_MAX),
    endpoint: { ...parts.endpoint(), faults: readEventFaults(faults) },
  };
}

/** The provider's own answer, its refusals as problems, or that there is none. */
function pass(passed: Passed): Response {
  if (passed.kind === "unreachable")
    return problem(502, `The provider cannot be reached: ${passed.cause}.`);
  if (passed.status < 400) return Response.json(passed.body, { status: passed.status });
  const error = isObject(passed.body) ? passed.body : {};
  return problem(passed.status, messageOf(error) ?? "The provider refused.");
}

function messageOf({ error }: { readonly error?: unknown }): string | undefined {
  const { message }: { readonly message?: unknown } = isObject(error) ? error : {};
  return typeof message === "string" ? message : undefined;
}

/** The body, or undefined where it is no JSON; every reader of it says what it wants instead. */
async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}

function notAllowed(methods: readonly string[]): Response {
  const response = problem(405, `This path answers ${methods.join(", ")}.`);
  response.headers.set("allow", methods.join(", "));
  return response;
}
