import { type FaultSort, readFaultOrder } from "../faults.ts";
import { SANDBOX_CERTIFICATE } from "../providers/paypal-certificate.ts";
import type { WebhookEndpoint } from "../webhook.ts";
import { readWebhookFault, WEBHOOK_FAULT_NAMES } from "./faults.ts";
import type { WebhookOffice } from "./office.ts";
import { isLoopback } from "./post.ts";

/** What a control route answers. */
export type WebhookAnswer =
  | { readonly value: unknown }
  | { readonly text: string }
  | { readonly refused: string; readonly status?: number };

type Body = Readonly<Record<string, unknown>>;

/** The routes of webhooks; undefined for a route that is none. */
export async function webhookControl(
  office: WebhookOffice,
  route: string,
  url: URL,
  value: unknown,
): Promise<WebhookAnswer | undefined> {
  const body: Body = isBody(value) ? value : {};
  switch (route) {
    case "GET /sandbox/webhooks":
      return { value: { endpoints: office.endpoints(), deliveries: office.deliveries() } };
    case "POST /sandbox/webhooks":
      return register(office, body);
    case "DELETE /sandbox/webhooks":
      return { value: { deleted: office.remove(undefined) } };
    case "GET /sandbox/webhooks/events":
      return { value: { data: office.events(url.searchParams.get("provider")) } };
    case "POST /sandbox/webhooks/flush":
      return { value: { data: await office.flush(body["held"] === true) } };
    case "POST /sandbox/webhooks/redeliver":
      return redeliver(office, body);
    case "GET /sandbox/webhook-faults":
      return { value: faultsOf(office) };
    case "POST /sandbox/webhook-faults":
      return orderFaults(office, body);
    case "DELETE /sandbox/webhook-faults":
      office.faults.clear();
      return { value: faultsOf(office) };
    case "GET /sandbox/certificates/paypal.pem":
      return { text: SANDBOX_CERTIFICATE };
    default:
      return remove(office, route);
  }
}

function remove(office: WebhookOffice, route: string): WebhookAnswer | undefined {
  const id = /^DELETE \/sandbox\/webhooks\/(\w+)$/.exec(route)?.[1];
  if (id === undefined) return undefined;
  return office.remove(id) === 1
    ? { value: { deleted: 1 } }
    : { refused: "There is no such endpoint.", status: 404 };
}

const RETRY_MS: readonly number[] = [1_000, 5_000, 30_000];
const RETRIES_MAX = 20;
const ENDPOINTS_MAX = 100;
const DAY_MS = 86_400_000;

function register(office: WebhookOffice, body: Body): WebhookAnswer {
  const { provider, account, url, secret, publicKey, types, manual, retryMs } = body;
  const names = [...office.providers.keys()];
  if (typeof provider !== "string" || !names.includes(provider))
    return { refused: `provider must be one of: ${names.join(", ")}.` };
  const address = typeof url === "string" ? URL.parse(url) : null;
  if (typeof url !== "string" || address === null || !/^https?:$/.test(address.protocol))
    return { refused: "url must be an address that begins with http or https." };
  if (!office.anywhere && !isLoopback(address))
    return { refused: "url must be on this machine: 127.0.0.1, [::1] or localhost." };
  const wrong = [account, secret, publicKey].find((text) => text !== undefined && !isText(text));
  if (wrong !== undefined) return { refused: "account, secret and publicKey are texts." };
  if (types !== undefined && !(Array.isArray(types) && types.every(isText)))
    return { refused: "types must be a list of types of events." };
  if (manual !== undefined && typeof manual !== "boolean")
    return { refused: "manual must be true or false." };
  if (retryMs !== undefined && !isWaits(retryMs))
    return { refused: `retryMs must be a list of at most ${RETRIES_MAX} waits of at most a day.` };
  if (office.endpoints().length >= ENDPOINTS_MAX)
    return { refused: `There are ${ENDPOINTS_MAX} endpoints; delete some first.` };
  const order: Omit<WebhookEndpoint, "id" | "secret"> = {
    provider,
    url,
    account: isText(account) ? account : null,
    publicKey: isText(publicKey) ? publicKey : "public",
    types: Array.isArray(types) ? (types as string[]) : [],
    manual: manual === true,
    retryMs: isWaits(retryMs) ? retryMs : RETRY_MS,
  };
  return { value: office.register(isText(secret) ? { ...order, secret } : order) };
}

function redeliver(office: WebhookOffice, body: Body): WebhookAnswer {
  const { event, endpoint, fault } = body;
  if (!isText(event)) return { refused: "event must be the id of an event." };
  if (endpoint !== undefined && !isText(endpoint))
    return { refused: "endpoint must be the id of an endpoint." };
  if (fault !== undefined && readWebhookFault(fault) === undefined)
    return { refused: `fault must be one of: ${WEBHOOK_FAULT_NAMES.join(", ")}.` };
  const name = isText(fault) ? fault : undefined;
  const count = office.redeliver({ event, endpoint, fault: name });
  return count === 0
    ? { refused: "There is no such event, or nobody to hear of it.", status: 404 }
    : { value: { endpoints: count } };
}

const WEBHOOK_FAULTS: FaultSort = {
  names: WEBHOOK_FAULT_NAMES,
  isKnown: (name) => readWebhookFault(name) !== undefined,
  isEndpoint: isText,
  endpointWanted: "type must be a type of events.",
};

function orderFaults(office: WebhookOffice, { type: endpoint, ...body }: Body): WebhookAnswer {
  const providers = [...office.providers.keys()];
  const order = readFaultOrder({ ...body, endpoint }, providers, WEBHOOK_FAULTS);
  if ("refused" in order) return order;
  office.faults.order(order);
  return { value: faultsOf(office) };
}

/** The rules for events are kept like those for calls, with the type in the endpoint's place. */
function faultsOf({ faults }: WebhookOffice): unknown {
  const typed = <T extends { readonly endpoint?: string }>({ endpoint, ...rule }: T): object =>
    endpoint === undefined ? rule : { ...rule, type: endpoint };
  return { next: faults.next().map(typed), chances: faults.chances().map(typed) };
}

function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 500;
}

function isWaits(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= RETRIES_MAX &&
    value.every((ms) => Number.isSafeInteger(ms) && ms >= 0 && ms <= DAY_MS)
  );
}
