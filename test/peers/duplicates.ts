import assert from "node:assert/strict";
import { killed } from "./crashes.ts";
import { bodies, PATIENT_MS, type Trial } from "./ground.ts";
import type { Reply, Server } from "./server.ts";

type Row = readonly [letter: string, sentence: string, run: (trial: Trial) => Promise<void>];

/** As long as the handlers of the experiments that these rows repeat. */
const HANDLER_MS = 50;
const PURCHASE = { amount: 1999, slowMs: HANDLER_MS };
const PATIENT = { waitMs: PATIENT_MS };

/** Rows for which one process is enough. */
export const DUPLICATES: readonly Row[] = [
  [
    "A",
    "500 concurrent duplicates in one process",
    async ({ start, measure, key }) => {
      const server = await start(PATIENT);
      const replies = await Promise.all(times(500, () => server.post(key, PURCHASE)));
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "500x 201" });
      assert.equal(bodies(replies).size, 1);
      assert.equal(replies.filter(({ replayed }) => !replayed).length, 1);
    },
  ],
  [
    "B",
    "another payload under the same key, while running and after",
    async ({ start, measure, key, charged }) => {
      const server = await start(PATIENT);
      const first = server.post(key, { amount: 1999, slowMs: 700 });
      await charged();
      const during = await server.post(key, { amount: 2999, slowMs: 700 });
      const done = await first;
      const later = await server.post(key, { amount: 2999, slowMs: 700 });
      const measured = await measure([during, done, later]);
      assert.deepEqual(measured, {
        charges: 1,
        orders: 1,
        statuses: "2x 422 key-reused, 1x 201",
      });
      assert.ok(!later.body.includes(JSON.parse(done.body).orderId), "the refusal tells nothing");
    },
  ],
  [
    "B",
    "the same JSON in another order and spacing",
    async ({ start, measure, key }) => {
      const server = await start(PATIENT);
      const replies = [
        await server.post(key, '{"amount":1999,"slowMs":10}'),
        await server.post(key, '{ "slowMs": 10,\n  "amount": 1999 }'),
      ];
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "2x 201" });
      assert.deepEqual([bodies(replies).size, replies[1]?.replayed], [1, true]);
    },
  ],
  [
    "B2",
    "a second customer's identical cart under a new key",
    async ({ start, measure, key }) => {
      const server = await start(PATIENT);
      const keys = [`${key}-1`, `${key}-2`];
      const replies = await Promise.all(keys.map((each) => server.post(each, PURCHASE)));
      const measured = await measure(replies, keys);
      assert.deepEqual(measured, { charges: 2, orders: 2, statuses: "2x 201" });
      assert.equal(bodies(replies).size, 2);
    },
  ],
  [
    "G",
    "another account with the same key and body",
    async ({ start, measure, key }) => {
      const server = await start(PATIENT);
      const alice = await server.post(key, PURCHASE, { account: "acct_alice" });
      const mallory = await server.post(key, PURCHASE, { account: "acct_mallory" });
      const measured = await measure([alice, mallory]);
      assert.deepEqual(measured, { charges: 2, orders: 2, statuses: "2x 201" });
      assert.ok(!mallory.replayed);
      assert.notEqual(JSON.parse(mallory.body).chargeId, JSON.parse(alice.body).chargeId);
    },
  ],
  [
    "G",
    "the same key on another operation",
    async ({ start, measure, key }) => {
      const server = await start(PATIENT);
      const charge = await server.post(key, PURCHASE);
      const refund = await server.post(key, PURCHASE, { path: "/refund" });
      const measured = await measure([charge, refund]);
      assert.deepEqual(measured, { charges: 1, orders: 1, statuses: "1x 201, 1x 422 key-reused" });
    },
  ],
  [
    "H",
    "200 concurrent retries after the response's retention",
    async ({ start, measure, key }) => {
      const server = await start({ ...PATIENT, retention: { responseMs: 1_000 } });
      const first = await server.post(key, PURCHASE);
      await server.control({ skewMs: 2_000, prune: true });
      const replies = await Promise.all(times(200, () => server.post(key, PURCHASE)));
      const measured = await measure(replies);
      assert.deepEqual(measured, { charges: 1, orders: 1, statuses: "200x 409 key-expired" });
      const { outcome, reference } = JSON.parse(replies[0]?.body ?? "");
      assert.deepEqual([outcome, reference], ["succeeded", JSON.parse(first.body).orderId]);
    },
  ],
];

/** Rows of two processes on one database. */
export const RACES: readonly Row[] = [
  [
    "A2",
    "500 concurrent duplicates over two processes",
    async ({ start, measure, key }) => {
      const servers = await Promise.all([start(PATIENT), start(PATIENT)]);
      const replies = await Promise.all(times(500, (n) => at(servers, n).post(key, PURCHASE)));
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "500x 201" });
      assert.equal(bodies(replies).size, 1);
    },
  ],
  [
    "A3",
    "100 keys, five duplicates each, over two processes",
    async ({ start, measure, key, scene }) => {
      const servers = await Promise.all([start(PATIENT), start(PATIENT)]);
      const keys = times(100, (n) => `${key}-${n}`);
      const sent = keys.flatMap((each) => times(5, (n) => at(servers, n).post(each, PURCHASE)));
      const replies: readonly Reply[] = await Promise.all(sent);
      const measured = await measure(replies, keys);
      assert.deepEqual(measured, { charges: 100, orders: 100, statuses: "500x 201" });
      assert.equal(bodies(replies).size, 100);
      const charged = (await scene.charges(...keys)).map(({ metadata }) => metadata["cartId"]);
      assert.equal(new Set(charged).size, 100, "no key is charged twice");
    },
  ],
  [
    "H",
    "200 concurrent retries just after a killed process's lease",
    async ({ start, measure, key, charged }) => {
      const { next, order } = await killed(start, charged, key, PATIENT);
      await next.control({ skewMs: 31_000 });
      const replies = await Promise.all(times(200, () => next.post(key, order)));
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "200x 201" });
      assert.equal(bodies(replies).size, 1);
    },
  ],
];

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function at(servers: readonly [Server, Server], index: number): Server {
  return servers[index % 2 === 0 ? 0 : 1];
}
