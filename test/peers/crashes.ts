import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Purchase } from "../crash/application.ts";
import { bodies, PATIENT_MS, type Trial } from "./ground.ts";
import type { Reply, Server } from "./server.ts";

type Row = readonly [letter: string, sentence: string, run: (trial: Trial) => Promise<void>];

const PATIENT = { waitMs: PATIENT_MS };
const DEFAULT_LEASE_MS = 30_000;
const SHORT_LEASE_MS = 1_000;

/** Rows for which one process is enough. */
export const FAILURES: readonly Row[] = [
  [
    "C",
    "the handler throws after the charge, three times",
    async ({ start, measure, key }) => {
      const server = await start();
      const replies = await repeat(4, server, key, { amount: 1999, failures: 3 });
      assert.deepEqual(await measure(replies), {
        charges: 1,
        orders: 1,
        statuses: "3x 503 retry-scheduled, 1x 201",
      });
      assert.ok(replies[0]?.retryAfter, "the client is told when to come back");
    },
  ],
  [
    "C2",
    "a wrapped handler throws before it did anything",
    async ({ start, measure, key }) => {
      const server = await start();
      const replies = await repeat(3, server, key, { amount: 1999, failures: 2 }, "/rerun");
      const { statuses } = await measure(replies);
      assert.equal(statuses, "2x 503 retry-scheduled, 1x 201");
    },
  ],
  [
    "C2",
    "a wrapped handler throws after the charge, mounted with doubt",
    async ({ start, measure, key, scene }) => {
      const server = await start();
      const replies = await repeat(3, server, key, { amount: 1999, failures: 9 }, "/wrapped");
      const { charges, statuses } = await measure(replies);
      assert.deepEqual([charges, statuses], [1, "3x 503 in-doubt"]);
      const record = await scene.record(key);
      assert.deepEqual([record?.state, record?.doubt], ["in_doubt", "effect-unknown"]);
    },
  ],
  [
    "T",
    "the client gives up while its handler runs, and asks again",
    async ({ start, measure, key, charged }) => {
      const server = await start(PATIENT);
      const order = { amount: 1999, slowMs: 800 };
      const impatient = new AbortController();
      const given = server.post(key, order, { signal: impatient.signal });
      await charged();
      impatient.abort();
      await assert.rejects(given, { name: "AbortError" });
      const during = await server.post(key, order);
      const later = await server.post(key, order);
      const measured = await measure([during, later]);
      assert.deepEqual(measured, { charges: 1, orders: 1, statuses: "2x 201" });
      assert.equal(bodies([during, later]).size, 1);
    },
  ],
  [
    "D",
    "SIGKILL in the handler, under the default lease",
    async ({ start, measure, key, charged }) => {
      const { next, order } = await killed(start, charged, key, { waitMs: 200 });
      const early = await next.post(key, order);
      await next.control({ skewMs: DEFAULT_LEASE_MS + 1_000 });
      const later = await next.post(key, order);
      assert.deepEqual(await measure([early, later]), {
        charges: 1,
        orders: 1,
        statuses: "1x 409 in-progress, 1x 201",
      });
      assert.ok(early.retryAfter, "the client is told when to come back");
    },
  ],
];

/** Rows of two processes on one database. */
export const TAKE_OVERS: readonly Row[] = [
  [
    "D2",
    "SIGKILL in the handler, usable again within the lease and 1 s",
    async ({ start, measure, key, charged }) => {
      const settings = { ...PATIENT, leaseMs: SHORT_LEASE_MS };
      const { next, order } = await killed(start, charged, key, settings);
      const began = performance.now();
      const reply = await next.post(key, order);
      const took = performance.now() - began;
      assert.deepEqual(await measure([reply]), { charges: 1, orders: 1, statuses: "1x 201" });
      assert.ok(took < SHORT_LEASE_MS + 1_000, `it took ${took} ms`);
    },
  ],
  [
    "E",
    "a handler of 2.5 s under a lease of 1 s, and a duplicate at 1.5 s",
    async ({ start, measure, key, scene }) => {
      const settings = { ...PATIENT, leaseMs: SHORT_LEASE_MS };
      const [one, two] = await Promise.all([start(settings), start(settings)]);
      const order = { amount: 1999, slowMs: 2_500 };
      const first = one.post(key, order);
      await sleep(1_500);
      const replies = [await two.post(key, order), await first];
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "2x 201" });
      assert.equal(bodies(replies).size, 1);
      assert.equal((await scene.record(key))?.attempts, 1, "the heartbeat kept the claim");
    },
  ],
  [
    "E",
    "a process that stands still past its lease, between charge and record",
    async ({ start, measure, key, charged, scene }) => {
      const settings = { ...PATIENT, leaseMs: 400 };
      const [one, two] = await Promise.all([start(settings), start(settings)]);
      const order = { amount: 1999, blockMs: 2_500 };
      const stale = one.post(key, order);
      await charged();
      const replies = [await two.post(key, order), await stale];
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "2x 201" });
      assert.equal(bodies(replies).size, 1);
      assert.deepEqual(
        replies.map(({ replayed }) => replayed),
        [false, true],
        "the stale process answers from the record",
      );
      assert.equal((await scene.record(key))?.fence, 2);
    },
  ],
];

/** A process that was killed after its charge, and the one that its client meets next. */
export async function killed(
  start: Trial["start"],
  charged: Trial["charged"],
  key: string,
  settings: Parameters<Trial["start"]>[0],
): Promise<{ readonly next: Server; readonly order: Purchase }> {
  const [doomed, next] = await Promise.all([start(settings), start(settings)]);
  const order = { amount: 1999, hangs: true };
  const cut = doomed.post(key, order).catch(() => undefined);
  await charged();
  await doomed.kill();
  await cut;
  return { next, order };
}

async function repeat(
  count: number,
  server: Server,
  key: string,
  order: { readonly amount: number; readonly failures: number },
  path = "/checkout",
): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (let sent = 0; sent < count; sent += 1) replies.push(await server.post(key, order, { path }));
  return replies;
}
