import assert from "node:assert/strict";
import { assertProblem, assertReplay, type Case, ORDER, until } from "./case.ts";
import { jsonOf } from "./wire.ts";
import type { House } from "./wiring.ts";

const SLOW = { ...ORDER, act: "slow" };

/** Both doors, each with a handler that waits for the gate. */
const SLOW_DOORS = [
  { path: "/checkout", name: "checkout" },
  { path: "/wrapped/slow", name: "slow" },
] as const;

function waiters(house: House): number {
  return house.checkout.door.ports.flights.waiters;
}

function settled(house: House): boolean {
  return house.events.some(({ type }) => type === "operation.settled");
}

const slowCases = SLOW_DOORS.flatMap(({ path, name }): Case[] => [
  {
    title: `S4: a duplicate of a running ${path} is told to come again`,
    needs: ["slow"],
    async run({ post, begin, house }) {
      const running = begin(path, { json: SLOW });
      await until(() => house.runs(name) === 1);
      assertProblem(await post(path, { json: SLOW }), "in-progress");
      house.openGate();
      const first = await running.answer;
      assert.equal(first.status, 201);
      assertReplay(first, await post(path, { json: SLOW }));
      assert.equal(house.runs(name), 1);
    },
  },
  {
    title: `S4: a duplicate of a running ${path} that prefers to wait gets the replay`,
    needs: ["slow"],
    async run({ begin, raw, house }) {
      const running = begin(path, { json: SLOW });
      await until(() => house.runs(name) === 1);
      const waiting = begin(path, { json: SLOW, headers: { prefer: "wait=10" } });
      await until(() => waiters(house) === 1);
      // It waits on while the server does other things.
      await raw("/wrapped/json", { method: "GET" });
      assert.equal(waiters(house), 1);
      house.openGate();
      assertReplay(await running.answer, await waiting.answer);
      assert.equal(house.runs(name), 1);
    },
  },
  {
    title: `S8: a ${path} that prefers an asynchronous answer gets 202, and later the outcome`,
    needs: ["slow"],
    ...(path === "/checkout" ? {} : { asynchronous: true }),
    async run({ post, house }) {
      const headers = { prefer: "respond-async" };
      const accepted = await post(path, { json: SLOW, headers });
      assert.equal(accepted.status, 202);
      assert.equal(accepted.headers["preference-applied"], "respond-async");
      assert.match(String(accepted.headers["link"]), /^<\/operations\/key-1>; rel="status"$/);
      await until(() => house.runs(name) === 1);
      house.openGate();
      await until(() => settled(house));
      const answer = await post(path, { json: SLOW, headers });
      assert.deepEqual([answer.status, jsonOf(answer)], [201, { run: 1 }]);
      assert.equal(answer.headers["idempotent-replayed"], "true");
      assert.equal(house.runs(name), 1);
    },
  },
  {
    title: `S18, T: a client of ${path} that goes away stops nothing, and its retry is a replay`,
    needs: ["slow"],
    async run({ post, begin, raw, house }) {
      const gone = begin(path, { json: SLOW });
      gone.answer.catch(() => undefined);
      await until(() => house.runs(name) === 1);
      gone.disconnect();
      // Another round trip, so that the server has seen the end of the first connection.
      await raw("/wrapped/json", { method: "GET" });
      assertProblem(await post(path, { json: SLOW }), "in-progress");
      house.openGate();
      await until(() => settled(house));
      const retry = await post(path, { json: SLOW });
      assert.deepEqual([retry.status, jsonOf(retry)], [201, { run: 1 }]);
      assert.equal(retry.headers["idempotent-replayed"], "true");
      assert.equal(house.runs(name), 1);
    },
  },
]);

const synchronousCase: Case = {
  title: "S8: a wrapped handler that holds the response is waited for, whatever is preferred",
  needs: ["slow"],
  asynchronous: false,
  async run({ begin, house }) {
    const running = begin("/wrapped/slow", { json: SLOW, headers: { prefer: "respond-async" } });
    await until(() => house.runs("slow") === 1);
    house.openGate();
    const answer = await running.answer;
    assert.deepEqual([answer.status, jsonOf(answer)], [201, { run: 1 }]);
  },
};

/** How many duplicates come at the same instant. */
const CROWD = 50;

const crowdCases = ["/checkout", "/rename", "/wrapped/json"].map(
  (path): Case => ({
    title: `A: ${CROWD} simultaneous duplicates of ${path} are one run and ${CROWD} equal answers`,
    options: { waitMs: 10_000 },
    async run({ post, house }) {
      const json = path === "/rename" ? { id: "1", name: "Zoë" } : ORDER;
      const answers = await Promise.all(Array.from({ length: CROWD }, () => post(path, { json })));
      const bodies = new Set(answers.map(({ status, body }) => `${status} ${body}`));
      assert.equal(bodies.size, 1, [...bodies].join("\n"));
      const replayed = answers.filter(({ headers }) => headers["idempotent-replayed"] === "true");
      assert.equal(replayed.length, CROWD - 1);
      const runs = house.runs("checkout") + house.runs("rename") + house.runs("json");
      assert.equal(runs, 1);
    },
  }),
);

export const clientCases: readonly Case[] = [
  ...slowCases,
  synchronousCase,
  ...crowdCases,
  {
    title: "G: two accounts with one key never see each other's outcome",
    async run({ post, house }) {
      for (const path of ["/checkout", "/wrapped/json"]) {
        const alice = await post(path, { key: path, account: "alice", json: ORDER });
        const mallory = await post(path, { key: path, account: "mallory", json: ORDER });
        assert.equal(mallory.status, 201);
        assert.equal(mallory.headers["idempotent-replayed"], undefined);
        assert.deepEqual([jsonOf(alice)["run"], jsonOf(mallory)["run"]], [1, 2]);
        const other = { ...ORDER, amount: 1 };
        const third = await post(path, { key: path, account: "eve", json: other });
        assert.equal(third.status, 201);
        assertReplay(alice, await post(path, { key: path, account: "alice", json: ORDER }));
        assertReplay(mallory, await post(path, { key: path, account: "mallory", json: ORDER }));
      }
      assert.deepEqual([house.runs("checkout"), house.runs("json")], [3, 3]);
    },
  },
  {
    title: "G: a scope and a key that join to the same text are still two operations",
    async run({ post, house }) {
      await post("/wrapped/json", { account: "a", key: "b:c", json: ORDER });
      const answer = await post("/wrapped/json", { account: "a:b", key: "c", json: ORDER });
      assert.equal(answer.headers["idempotent-replayed"], undefined);
      assert.equal(house.runs("json"), 2);
    },
  },
];
