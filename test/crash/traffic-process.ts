import { hash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { nevertwice } from "../../src/core/once.ts";
import type { AuthenticEvent } from "../../src/index.ts";
import type { MaybePromise } from "../../src/store.ts";
import { openBooks } from "./books.ts";
import { type Kill, killPoints } from "./kill-points.ts";

/** What the test asks of this process. */
export interface TrafficOrder {
  /** Deliveries of the event, or passes of the worker. */
  readonly act: "deliver" | "deliver-inline" | "work";
  readonly id: string;
  /** How many deliveries at once, or passes one after the other; 1 by default. */
  readonly times?: number;
  readonly kill?: Kill;
  /** How far this process's database clock is ahead. */
  readonly skewMs: number;
}

export interface TrafficAnswer {
  /** The calls of ports that it took. */
  readonly calls: readonly string[];
}

const [, , db = "", letters = ""] = process.argv;
const points = killPoints();
const books = openBooks(db);
const once = nevertwice({
  store: points.store(books.store),
  namespace: "test-shop",
  onEvent: () => {},
});

/** Goes on after a write: at once where it is done at once, later where it is a promise. */
function after(written: MaybePromise<void>, next: () => void): MaybePromise<void> {
  return written === undefined ? next() : Promise.resolve(written).then(next);
}

const handlers = {
  "payment.succeeded": (
    tx: unknown,
    { key }: { readonly key: string },
    write: { stage(topic: string, payload: unknown, options: { readonly key: string }): void },
  ) =>
    after(books.add(tx, `order-${key}`, key, "paid"), () => {
      write.stage("receipt", { key }, { key });
      write.stage("notice", { key }, { key });
    }),
};
const read = (): Promise<object> => points.around("read", () => Promise.resolve({}));
const queued = once.inbox({ source: "queued" }, handlers as never, {
  objects: { payment: { read } },
});
const inline = once.inbox({ source: "inline" }, handlers as never, { mode: "inline" });

/** Somebody else's letter box: what is in it has arrived. */
function drop(topic: string, key: string, id: string): Promise<void> {
  return points.around(`send ${topic}`, () => {
    appendFileSync(letters, `${topic} ${key} ${id}\n`);
    return Promise.resolve();
  });
}
once.relay("receipt", ({ topic, key, id }) => drop(topic, key, id), {
  dedupeMs: Number.POSITIVE_INFINITY,
});
// This receiver forgets what it has had.
once.relay("notice", ({ topic, key, id }) => drop(topic, key, id));

function eventOf(id: string): AuthenticEvent {
  return {
    key: id,
    fingerprint: hash("sha256", id, "buffer"),
    type: "payment.succeeded",
    object: { kind: "payment", id: `of ${id}` },
    payload: { id },
  };
}

async function carryOut(order: TrafficOrder): Promise<TrafficAnswer> {
  const { act, id, times = 1, kill, skewMs } = order;
  books.skew.ms = skewMs;
  points.arm(kill);
  if (act === "work") for (let pass = 0; pass < times; pass += 1) await once.worker.runOnce();
  else {
    const inbox = act === "deliver" ? queued : inline;
    await Promise.all(Array.from({ length: times }, () => inbox.accept([eventOf(id)])));
  }
  return { calls: points.calls() };
}

process.on("message", async (order: TrafficOrder) => {
  process.send?.(await carryOut(order));
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
