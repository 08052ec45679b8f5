import type { IncomingMessage, ServerResponse } from "node:http";
import type { DatabaseSync } from "node:sqlite";
import { readBody, readForm } from "./body.ts";
import { type Books, openBooks } from "./books.ts";
import { type Delivery, deliver, type Holding, hold, lose } from "./delivery.ts";
import type { FaultRules } from "./fault-rules.ts";
import type { Fault } from "./faults.ts";
import { transact } from "./file.ts";
import { endpointOf, keep, keeps, keyPlace, readKey, recall, textOf } from "./keys.ts";
import type { Answer, Call, KeptAnswer, KeyRules, Provider, Refusal, Route } from "./provider.ts";
import type { Arrival } from "./routing.ts";
import type { Settings } from "./settings.ts";
import type { WebhookOffice } from "./webhooks/office.ts";

/** What every provider's calls go over. */
export interface Desk extends Holding {
  readonly db: DatabaseSync;
  readonly settings: Settings;
  readonly faults: FaultRules<Fault>;
  readonly webhooks: WebhookOffice;
  /** New letters and digits for an id. */
  readonly letters: (length: number) => string;
  /** The same, but of no seed, for what no test looks at. */
  readonly anyLetters: (length: number) => string;
  /** The keys of the calls that are being executed here. */
  readonly executing: Set<string>;
}

/** A call that is to be executed. */
interface Order {
  readonly provider: Provider;
  readonly route: Route;
  readonly rules: KeyRules;
  readonly call: Call;
}

/** Answers one request to a provider, or loses its answer. */
export async function provide(
  desk: Desk,
  arrival: Arrival,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { provider } = arrival;
  const { call, rules, refusal } = await read(desk, arrival, request);
  const refuse = (why: Refusal): Delivery => deliveryOf(provider, call, provider.refuse(why, call));
  if (refusal !== undefined || arrival.route === undefined)
    return deliver(response, refuse(refusal ?? "not-found"));
  const { route } = arrival;
  const fault = desk.faults.take({
    provider: provider.name,
    endpoints: [endpointOf(call), `${route.method} ${route.path}`],
    changing: route.method !== "GET",
  });
  if (fault?.kind === "refused") return deliver(response, refuse(fault.refusal));
  if (fault?.kind === "lost" && fault.when === "before")
    return await lose(response, fault.how, refuse("internal"), desk);
  const order = { provider, route, rules, call };
  if (fault?.kind === "late") {
    arriveLate(desk, order, fault.ms);
    return await hold(response, desk);
  }
  const delivery = await execute(desk, order, fault);
  if (delivery === undefined) return void response.destroy();
  const lost =
    fault?.kind === "lost"
      ? lose(response, fault.how, fault.how === "500" ? refuse("internal") : delivery, desk)
      : deliver(response, delivery);
  // After the answer, or after its loss has begun.
  desk.webhooks.wake();
  await lost;
}

interface Reading {
  readonly call: Call;
  readonly rules: KeyRules;
  readonly refusal: Refusal | undefined;
}

/** Reads the request as far as its provider does before anything else happens. */
async function read(desk: Desk, arrival: Arrival, request: IncomingMessage): Promise<Reading> {
  const { provider, route, head, parameters, prefix } = arrival;
  const body = await readBody(request);
  const account = provider.account(head);
  const value = "value" in body ? body.value : {};
  const rules: KeyRules = { ...provider.rules, ...route?.rules };
  const keyed = route?.keyed ?? head.method === "POST";
  const key = keyed ? readKey(rules, head.headers, value) : { key: undefined };
  const call: Call = {
    ...head,
    base: `http://${head.headers["host"] ?? "sandbox"}${prefix}`,
    parameters,
    query: readForm((request.url ?? "").split("?")[1] ?? ""),
    body: value,
    account: account ?? "",
    key: "key" in key ? key.key : undefined,
    requestId: desk.anyLetters(16),
    decline: false,
  };
  const refusals: (Refusal | false)[] = [
    "refusal" in body && body.refusal,
    account === undefined && "unauthenticated",
    route === undefined && "not-found",
    "refusal" in key && key.refusal,
  ];
  return { call, rules, refusal: refusals.find((refusal) => refusal !== false) };
}

/** The request is on its way still; whoever sent it is not told. */
function arriveLate(desk: Desk, order: Order, ms: number): void {
  void desk.clock.sleep(ms, desk.closing).then(async () => {
    await execute(desk, order, undefined).catch(() => {
      // Nobody waits for this answer, and a failed transaction has left nothing behind.
    });
    desk.webhooks.wake();
  });
}

/** The answer, or nothing if the sandbox closed before anything was done. */
async function execute(
  desk: Desk,
  order: Order,
  fault: Fault | undefined,
): Promise<Delivery | undefined> {
  const { provider, rules } = order;
  const call = fault?.kind === "decline" ? { ...order.call, decline: true } : order.call;
  const place = keyPlace(provider.name, rules, call);
  const mark = place === undefined ? undefined : JSON.stringify(place);
  if (mark !== undefined && desk.executing.has(mark))
    return deliveryOf(provider, call, provider.refuse("key-in-use", call));
  if (mark !== undefined) desk.executing.add(mark);
  try {
    if (fault?.kind === "slow") await desk.clock.sleep(fault.ms, desk.closing);
    if (desk.closing.aborted) return undefined;
    return transact(desk.db, () => settle(desk, { ...order, call }, fault));
  } finally {
    if (mark !== undefined) desk.executing.delete(mark);
  }
}

/** Looks the key up, does what is asked, and keeps the answer: one transaction. */
function settle(desk: Desk, order: Order, fault: Fault | undefined): Delivery {
  const { provider, route, rules, call } = order;
  const now = desk.settings.now();
  const books = booksFor(desk, provider, call, now);
  const place = keyPlace(provider.name, rules, call);
  if (place !== undefined) {
    const retentionMs = desk.settings.read("retentionMs", provider.name) ?? rules.retentionMs;
    const recalled = recall(desk.db, place, call, { now, retentionMs });
    if (recalled !== undefined) return repeat(order, books, recalled.kept, recalled.same);
  }
  const answer =
    fault?.kind === "frozen" && fault.when === "before"
      ? provider.refuse("internal", call)
      : route.run(call, books);
  const fails = fault?.kind === "frozen" && fault.when === "after" && !answer.refused;
  const given = fails ? provider.refuse("internal", call) : answer;
  if (place !== undefined && keeps(rules, given)) keep(desk.db, place, call, given, now);
  return deliveryOf(provider, call, given);
}

function repeat(order: Order, books: Books, kept: KeptAnswer, same: boolean): Delivery {
  const { provider, route, rules, call } = order;
  if (!same && rules.mismatch === "refuse")
    return deliveryOf(provider, call, provider.refuse("key-reused", call, kept));
  if (rules.replay === "conflict")
    return deliveryOf(provider, call, provider.refuse("key-spent", call, kept));
  if (rules.replay === "current" && route.current !== undefined && kept.made !== undefined)
    return deliveryOf(provider, call, route.current(call, books, kept.made), kept);
  const headers = { ...kept.headers, ...provider.headers?.(call, kept) };
  return { status: kept.status, text: kept.text, headers };
}

function booksFor(desk: Desk, provider: Provider, call: Call, now: number): Books {
  const lag = (name: "listLagMs" | "indexLagMs"): number =>
    desk.settings.read(name, provider.name) ?? 0;
  const { account } = call;
  const { webhooks } = provider;
  const books: Books = openBooks(desk.db, {
    provider: provider.name,
    account,
    key: call.key,
    now,
    lagMs: { list: lag("listLagMs"), search: lag("indexLagMs") },
    letters: desk.letters,
    told:
      webhooks &&
      ((change) => {
        const { identify, find } = books;
        const events = webhooks.events(change, { account, base: call.base, now, identify, find });
        desk.webhooks.tell({ provider: provider.name, account, now }, events);
      }),
  });
  return books;
}

function deliveryOf(provider: Provider, call: Call, answer: Answer, kept?: KeptAnswer): Delivery {
  const headers = { ...answer.headers, ...provider.headers?.(call, kept) };
  return { status: answer.status, text: textOf(answer), headers };
}
