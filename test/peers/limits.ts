import assert from "node:assert/strict";
import type { Trial } from "./ground.ts";
import type { Reply } from "./server.ts";

type Row = readonly [letter: string, sentence: string, run: (trial: Trial) => Promise<void>];

const STORE_TIMEOUT_MS = 400;
const WAIT_MS = 600;
const LEASE_MS = 1_000;
const SETTINGS = { storeTimeoutMs: STORE_TIMEOUT_MS, waitMs: WAIT_MS };
/** One call of the store may be under way when the wait ends, and the answer has to come home. */
const BOUND_MS = WAIT_MS + 2 * STORE_TIMEOUT_MS + 1_500;

/** Results for which JSON has no form. */
export const RESULTS: readonly Row[] = [
  [
    "U",
    "a result with an undefined field",
    async ({ start, measure, key }) => {
      const server = await start();
      const order = { amount: 1999, odd: "undefined" } as const;
      const replies = [await server.post(key, order), await server.post(key, order)];
      assert.deepEqual(await measure(replies), { charges: 1, orders: 1, statuses: "2x 201" });
      assert.equal(replies[0]?.body, replies[1]?.body);
    },
  ],
  ...(["date", "bigint"] as const).map(
    (odd): Row => [
      "U",
      `a result with a ${odd}`,
      async ({ start, measure, key, scene }) => {
        const server = await start({ waitMs: 0 });
        const replies: Reply[] = [];
        for (let sent = 0; sent < 3; sent += 1)
          replies.push(await server.post(key, { amount: 1999, odd }));
        const { charges, orders } = await measure(replies);
        assert.deepEqual([charges, orders], [1, 1]);
        for (const { status, code } of replies) assert.deepEqual([status, code], [503, "in-doubt"]);
        const { state, doubt, lastError } = (await scene.record(key)) ?? {};
        assert.deepEqual([state, doubt], ["in_doubt", "settle-failed"]);
        assert.match(lastError ?? "", /value\.odd is a (?:Date|bigint)/);
      },
    ],
  ),
];

/** Rows in which the database is taken away. */
export const OUTAGES: readonly Row[] = [
  ...(["checkout", "note", "wrapped"] as const).map(
    (name): Row => [
      "X",
      `the database answers nothing from the start of a ${name}`,
      async ({ start, measure, key, ground }) => {
        const outage = await ground.openOutage();
        try {
          const server = await start(SETTINGS, outage.db);
          await outage.begin();
          const send = (): Promise<Reply> =>
            server.post(key, { amount: 1999 }, { path: `/${name}` });
          const refused = await refusedInTime(send, BOUND_MS);
          assert.equal(refused.code, "store-unavailable");
          assert.equal((await ground.scene.charges(key)).length, 0, "nothing ran");
          await outage.end();
          const served = await untilServed(send);
          const { charges, statuses } = await measure([refused, served]);
          assert.equal(charges, name === "note" ? 0 : 1);
          assert.equal(statuses, "1x 503 store-unavailable, 1x 201");
        } finally {
          await outage.close();
        }
      },
    ],
  ),
  [
    "X",
    "the database answers nothing more after the charge",
    async ({ start, measure, key, charged, ground }) => {
      const outage = await ground.openOutage();
      try {
        const server = await start({ ...SETTINGS, leaseMs: LEASE_MS }, outage.db);
        const order = { amount: 1999, slowMs: 300 };
        const first = server.post(key, order);
        await charged();
        await outage.begin();
        // The lease ends the attempt; then the claim is tried once more.
        const refused = await refusedInTime(() => first, LEASE_MS + BOUND_MS);
        assert.equal(refused.code, "in-doubt", "a charge that stands is never told as nothing");
        await outage.end();
        const served = await untilServed(() => server.post(key, order));
        const { charges, orders } = await measure([refused, served]);
        assert.deepEqual([charges, orders, served.status], [1, 1, 201]);
      } finally {
        await outage.close();
      }
    },
  ],
];

/** Rows of a database across a network. */
export const UNREACHABLE: readonly Row[] = [
  [
    "X",
    "nobody listens at the database's address",
    async ({ start, measure, key, ground }) => {
      const outage = await ground.openOutage();
      await outage.close();
      const server = await start(SETTINGS, outage.db);
      const refused = await refusedInTime(() => server.post(key, { amount: 1999 }), BOUND_MS);
      const measured = await measure([refused]);
      assert.deepEqual(measured, { charges: 0, orders: 0, statuses: "1x 503 store-unavailable" });
    },
  ],
];

async function refusedInTime(send: () => Promise<Reply>, boundMs: number): Promise<Reply> {
  const began = performance.now();
  const refused = await send();
  const took = performance.now() - began;
  assert.equal(refused.status, 503, refused.body);
  assert.ok(took < boundMs, `it took ${took} ms of ${boundMs}`);
  return refused;
}

/** A client that does as it is told: the same key again while the answer is 409 or 503. */
async function untilServed(send: () => Promise<Reply>): Promise<Reply> {
  const until = performance.now() + 15_000;
  for (;;) {
    const reply = await send();
    if ((reply.status !== 503 && reply.status !== 409) || performance.now() > until) return reply;
  }
}
