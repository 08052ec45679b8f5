import { type Clock, systemClock } from "../../model/clock.ts";
import type { Passed } from "../../sandbox/client.ts";

/** What a person does on a provider's dashboard: endpoints, and here what goes wrong with them. */
export interface WebhookControl {
  /** `{ endpoints: [...] }` */
  endpoints(): Promise<Passed>;
  /** Asks for the provider's events to be sent to an address. */
  register(url: string): Promise<Passed>;
  /** `{ data: [...] }`, sent or not. */
  events(): Promise<Passed>;
  faults(): Promise<Passed>;
  /** Takes the faults that are ordered back, then orders `{ next: [...] }`. */
  orderFaults(body: unknown): Promise<Passed>;
  clearFaults(): Promise<Passed>;
}

export const SENDER = "plain";

const TIMEOUT_MS = 1_500;
/** A shop that was crashed is back by the second of them. */
const RETRY_MS: readonly number[] = [1_000, 2_000, 5_000, 10_000, 30_000];
const FAULTS = "/sandbox/webhook-faults";

/** The webhooks of the sandbox at `url`; its answers are values, it never rejects. */
export function webhookControl(url: string, clock: Clock = systemClock): WebhookControl {
  const ask = async (method: string, path: string, body?: unknown): Promise<Passed> => {
    const late = new AbortController();
    const cancel = clock.timer(TIMEOUT_MS, () => late.abort());
    try {
      const response = await fetch(new URL(path, url), {
        method,
        signal: late.signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { kind: "answered", status: response.status, body: parse(text) };
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      return { kind: "unreachable", cause };
    } finally {
      cancel();
    }
  };
  const clearFaults = (): Promise<Passed> => ask("DELETE", FAULTS);
  return {
    endpoints: () => ask("GET", "/sandbox/webhooks"),
    register: (address) =>
      ask("POST", "/sandbox/webhooks", { provider: SENDER, url: address, retryMs: RETRY_MS }),
    events: () => ask("GET", `/sandbox/webhooks/events?provider=${SENDER}`),
    faults: () => ask("GET", FAULTS),
    orderFaults: async (body) => {
      const cleared = await clearFaults();
      return cleared.kind === "answered" && cleared.status < 400
        ? ask("POST", FAULTS, body)
        : cleared;
    },
    clearFaults,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
