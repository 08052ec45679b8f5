import assert from "node:assert/strict";
import { isNevertwiceError } from "../../src/index.ts";
import { assertProblem, assertReplay, type Case, ORDER, type Scene } from "./case.ts";
import type { HandlerName } from "./handlers.ts";
import { jsonOf } from "./wire.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The code of the error that the last attempt failed with. */
function lastCode(scene: Scene): unknown {
  const failed = scene.house.events.findLast((event) => event.type === "attempt.failed");
  const error = failed?.type === "attempt.failed" ? failed.error : undefined;
  return isNevertwiceError(error) ? error.code : undefined;
}

/** The first call ends in doubt, and no later call runs the handler again. */
async function playDoubt(scene: Scene, name: HandlerName): Promise<void> {
  const { post, house } = scene;
  const first = await post(`/wrapped/${name}`, { json: ORDER });
  assertProblem(first, "in-doubt");
  assert.equal(first.headers["set-cookie"], undefined);
  assert.match(String(first.headers["link"]), /^<\/operations\/key-1>; rel="status"$/);
  house.advance(DAY_MS);
  assertProblem(await post(`/wrapped/${name}`, { json: ORDER }), "in-doubt");
  const other = await post(`/wrapped/${name}`, { json: { ...ORDER, amount: 1 } });
  assertProblem(other, "key-reused");
  assert.equal(house.runs(name), 1);
}

/** Answers that speak of the moment. */
const PASSING = { limited: 429, unauthorised: 401, forbidden: 403 } as const;

const passingCases = Object.entries(PASSING).map(
  ([name, status]): Case => ({
    title: `S24: a ${status} passes through and is not stored`,
    needs: [name as HandlerName],
    async run({ post, house }) {
      for (const run of [1, 2]) {
        const answer = await post(`/wrapped/${name}`, { json: ORDER });
        assert.deepEqual([answer.status, jsonOf(answer)], [status, { run }]);
        assert.equal(answer.headers["idempotent-replayed"], undefined);
        if (status === 429) assert.equal(answer.headers["retry-after"], "7");
        if (status === 401) assert.equal(answer.headers["www-authenticate"], "Bearer");
      }
      assert.equal(house.runs(name), 2);
    },
  }),
);

export const doubtCases: readonly Case[] = [
  {
    title: "C2: a wrapped handler that threw is in doubt, and never runs again",
    needs: ["thrown"],
    run: (scene) => playDoubt(scene, "thrown"),
  },
  {
    title: "C2: a wrapped handler that answered 500 is in doubt, and never runs again",
    needs: ["broken"],
    run: (scene) => playDoubt(scene, "broken"),
  },
  {
    title: "S21: a stream that never ends is in doubt, and never runs again",
    needs: ["endless"],
    async run(scene) {
      await playDoubt(scene, "endless");
      assert.equal(lastCode(scene), "response-unreplayable");
    },
  },
  {
    title: "S21: a stream of events is in doubt, and never runs again",
    needs: ["events"],
    async run(scene) {
      await playDoubt(scene, "events");
      assert.equal(lastCode(scene), "response-unreplayable");
    },
  },
  {
    title: "H9: where the mount says so, a wrapped handler that threw runs again when it is due",
    needs: ["thrown"],
    // Longer than any test lives, so that only the moved clock makes it due.
    options: { backoff: { baseMs: HOUR_MS, capMs: HOUR_MS } },
    async run({ post, house }) {
      assertProblem(await post("/again/thrown", { json: ORDER }), "retry-scheduled");
      assertProblem(await post("/again/thrown", { json: ORDER }), "retry-scheduled");
      assert.equal(house.runs("thrown"), 1);
      house.advance(DAY_MS);
      assertProblem(await post("/again/thrown", { json: ORDER }), "retry-scheduled");
      assert.equal(house.runs("thrown"), 2);
    },
  },
  ...passingCases,
  {
    title: "S24: a 429 of a declared operation passes through and is not stored",
    async run({ post, house }) {
      for (const run of [1, 2]) {
        const answer = await post("/checkout", { json: { ...ORDER, act: "limited" } });
        assert.deepEqual([answer.status, jsonOf(answer)], [429, { run }]);
        assert.equal(answer.headers["retry-after"], "7");
      }
      assert.equal(house.runs("checkout"), 2);
    },
  },
  {
    title: "S2: a header that could split the answer is never sent nor stored",
    async run({ post, house }) {
      const json = { ...ORDER, act: "inject" };
      const answer = await post("/checkout", { json });
      assertProblem(answer, "retry-scheduled");
      assert.equal(answer.headers["set-cookie"], undefined);
      assert.equal(house.runs("checkout"), 1);
    },
  },
  {
    title: "S5: an answer of a later attempt is the one that is replayed",
    async run({ post, house }) {
      const json = { ...ORDER, act: "throw-first" };
      await post("/checkout", { json });
      house.advance(DAY_MS);
      assertReplay(await post("/checkout", { json }), await post("/checkout", { json }));
      assert.equal(house.runs("checkout"), 2);
    },
  },
];
