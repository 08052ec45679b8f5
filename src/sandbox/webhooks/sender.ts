import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../model/clock.ts";
import type { Settings } from "../settings.ts";
import type { Letter, WebhookEndpoint, Webhooks } from "../webhook.ts";
import { type Claimed, claim, finish, giveBack, nextIn } from "./deliveries.ts";
import { readEndpoints } from "./endpoints.ts";
import { altered } from "./faults.ts";
import { post } from "./post.ts";

export interface SenderOptions {
  readonly db: DatabaseSync;
  readonly clock: Clock;
  readonly closing: AbortSignal;
  readonly settings: Settings;
  readonly letters: (length: number) => string;
  readonly providers: ReadonlyMap<string, Webhooks>;
  /** The sandbox's own address, once it listens. */
  readonly address: () => string;
}

/** Sends what is due. */
export interface Sender {
  /** Sends what is due, and again when more is due. */
  wake(): void;
  /** Sends all that is due, also to the endpoints that only a flush sends to. */
  flush(): Promise<void>;
  /** Resolves when nothing is being sent any more, once the sandbox is closing. */
  ended(): Promise<void>;
}

/** A clock that is moved on wakes the sender anyhow. */
const NAP_MS_MAX = 60_000;

export function openSender(options: SenderOptions): Sender {
  const { db, clock, closing, settings } = options;
  let last: Promise<void> = Promise.resolve();
  let woken = false;
  let cancel = (): void => {};
  closing.addEventListener("abort", () => cancel(), { once: true });
  const next = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => {
      // What could not be written down, as with a file that is busy, is due still.
    });
    return done;
  };
  const nap = (): void => {
    cancel();
    if (closing.aborted) return;
    const ms = nextIn(db, { now: settings.now(), wall: clock.wall() });
    if (ms !== undefined) cancel = clock.timer(Math.min(Math.max(ms, 1), NAP_MS_MAX), wake);
  };
  const wake = (): void => {
    if (woken || closing.aborted) return;
    woken = true;
    const rest = next(async () => {
      woken = false;
      await sendAll(options, false);
    });
    rest.then(nap, nap);
  };
  return {
    wake,
    flush: () => next(() => sendAll(options, true)),
    ended: () => last,
  };
}

/** To all endpoints at once, to each in its order. */
async function sendAll(options: SenderOptions, flushing: boolean): Promise<void> {
  if (options.closing.aborted) return;
  const endpoints = readEndpoints(options.db).filter(({ manual }) => flushing || !manual);
  await Promise.all(endpoints.map((endpoint) => sendTo(options, endpoint)));
}

async function sendTo(options: SenderOptions, endpoint: WebhookEndpoint): Promise<void> {
  const { db, clock, closing, settings } = options;
  const webhooks = options.providers.get(endpoint.provider);
  while (webhooks !== undefined && !closing.aborted) {
    const claimed = claim(db, endpoint.id, { now: settings.now(), wall: clock.wall() });
    if (claimed.length === 0) return;
    await Promise.all(claimed.map((one) => attempt(options, endpoint, webhooks, one)));
  }
}

async function attempt(
  options: SenderOptions,
  endpoint: WebhookEndpoint,
  webhooks: Webhooks,
  claimed: Claimed,
): Promise<void> {
  const { db, settings } = options;
  const posted = await post(endpoint.url, letterOf(options, endpoint, webhooks, claimed), options);
  if (posted === "closing") return giveBack(db, claimed);
  const outcome =
    "status" in posted
      ? { receipt: webhooks.receipt(posted.status), status: posted.status, error: undefined }
      : { receipt: "again" as const, status: undefined, error: posted.error };
  finish(db, claimed, outcome, { now: settings.now(), retryMs: endpoint.retryMs });
}

/** The delivery as its provider writes it, or as somebody else would. */
function letterOf(
  { clock, letters, address }: SenderOptions,
  endpoint: WebhookEndpoint,
  webhooks: Webhooks,
  { event, fault }: Claimed,
): Letter {
  const forged = fault === "forge" && endpoint.secret !== "";
  const secret = forged ? webhooks.secretOf(letters) : endpoint.secret;
  const letter = webhooks.write({
    event,
    endpoint: { ...endpoint, secret },
    now: clock.wall(),
    base: address(),
    letters,
  });
  return fault === "alter" ? { ...letter, text: altered(letter.text) } : letter;
}
