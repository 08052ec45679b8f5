import { createHmac } from "node:crypto";
import {
  type AuthenticEvent,
  type Delivery,
  NevertwiceError,
  nevertwice,
  type Once,
  type Report,
  systemClock,
  type WebhookProvider,
} from "../../src/index.ts";
import {
  type MemoryStore,
  type MemoryTransaction,
  memoryStore,
} from "../../src/stores/memory/store.ts";
import { isEqual } from "../../src/webhooks/signature.ts";

export const BYTES_MAX = 2_000;
/** Where the wall clock of the process stands. */
export const WALL = 1_700_000_000_000;
export const ACKNOWLEDGED = { status: 202, contentType: "text/x-thanks", body: "[accepted] é" };

const SECRET = "the acquirer's own";

export function sign(body: string | Uint8Array): string {
  return createHmac("sha256", SECRET).update(body).digest("hex");
}

/** What a door may know, and what a case looks at afterwards. */
export interface WebhookGround {
  readonly once: Once<MemoryTransaction, "async">;
  readonly store: MemoryStore;
  /** What providers were asked to read, and when they thought it was. */
  readonly deliveries: Delivery[];
  readonly times: number[];
  readonly reports: Report[];
  /** What reached the framework's own handling of errors. */
  readonly errors: unknown[];
  report(error: unknown): void;
  /** Whether the store takes nothing in. */
  down: boolean;
  provider(source: string, changes?: Partial<WebhookProvider>): WebhookProvider;
}

export function webhookGround(): WebhookGround {
  const clock = { ...systemClock, wall: () => WALL };
  const store = memoryStore({ clock });
  const reports: Report[] = [];
  const [deliveries, times, errors]: [Delivery[], number[], unknown[]] = [[], [], []];
  const accept: MemoryStore["inbox"]["accept"] = async (request) =>
    ground.down ? { kind: "not-known", error: new Error("down") } : store.inbox.accept(request);
  const once = nevertwice({
    store: { ...store, inbox: { ...store.inbox, accept } },
    clock,
    onEvent: (report) => reports.push(report),
  });
  const ground: WebhookGround = {
    ...{ once, store, deliveries, times, reports, errors, down: false },
    report: (error) => void errors.push(error),
    provider: (source, changes = {}) => ({
      source,
      bytesMax: BYTES_MAX,
      acknowledgement: ACKNOWLEDGED,
      read(delivery, now) {
        deliveries.push(delivery);
        times.push(now);
        return read(delivery);
      },
      ...changes,
    }),
  };
  return ground;
}

function read(delivery: Delivery): ReturnType<WebhookProvider["read"]> {
  const { method, url, body } = delivery;
  if (delivery.header("x-fault").length > 0) throw new Error("a bug of the provider's code");
  const [, challenge] = /[?&]challenge=(\w+)/.exec(url) ?? [];
  if (method === "GET" && challenge !== undefined)
    return {
      kind: "handshake",
      answer: { status: 200, contentType: "text/plain", body: challenge },
    };
  const given = delivery.header("x-signature").flatMap((line) => line.split(", "));
  if (given.length === 0) throw new NevertwiceError("signature-missing");
  const wanted = Buffer.from(sign(body));
  if (!given.some((one) => isEqual(Buffer.from(one), wanted)))
    throw new NevertwiceError("signature-wrong");
  return { kind: "events", secret: "1", events: [eventOf(body)] };
}

function eventOf(body: Uint8Array): AuthenticEvent {
  const text = Buffer.from(body).toString("latin1");
  const type = /"type":"(\w+)"/.exec(text)?.[1] ?? "made";
  const digest = createHmac("sha256", "").update(body).digest();
  return { key: digest.toString("hex"), fingerprint: digest, type, payload: text };
}
