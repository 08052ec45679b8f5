import assert from "node:assert/strict";
import { isNevertwiceError } from "../../src/index.ts";
import { assertProblem, assertReplay, type Case, ORDER } from "./case.ts";
import { jsonOf } from "./wire.ts";
import { REQUEST_BYTES_MAX } from "./wiring.ts";

const DAY_MS = 86_400_000;
const JSON_TYPE = { "content-type": "application/json" };

export const refusalCases: readonly Case[] = [
  {
    title: "S12: another payload under the same key is refused after the end, disclosing nothing",
    async run({ post, house }) {
      for (const [path, key] of [
        ["/checkout", "key-1"],
        ["/wrapped/json", "key-2"],
      ] as const) {
        const first = await post(path, { key, json: ORDER });
        const refused = await post(path, { key, json: { ...ORDER, amount: 1 } });
        const problem = assertProblem(refused, "key-reused");
        assert.deepEqual(Object.keys(problem), ["type", "title", "status", "code", "retry"]);
        assert.equal(refused.headers["idempotent-replayed"], undefined);
        assertReplay(first, await post(path, { key, json: ORDER }));
      }
      assert.deepEqual([house.runs("checkout"), house.runs("json")], [1, 1]);
    },
  },
  {
    title: "S12: another payload is refused while the first one runs",
    needs: ["slow"],
    async run({ post, begin, house }) {
      for (const [path, name] of [
        ["/checkout", "checkout"],
        ["/wrapped/slow", "slow"],
      ] as const) {
        const json = { ...ORDER, act: "slow" };
        const running = begin(path, { key: name, json });
        await Promise.race([running.answer, reached(house, name)]);
        const other = await post(path, { key: name, json: { ...json, amount: 1 } });
        assertProblem(other, "key-reused");
        assertProblem(await post(path, { key: name, json }), "in-progress");
        if (name === "slow") house.openGate();
        if (name === "slow") assert.equal((await running.answer).status, 201);
        assert.equal(house.runs(name), 1);
      }
    },
  },
  {
    title: "S14: the same key on another path is refused, by every door",
    async run({ post, house }) {
      await post("/checkout", { json: ORDER });
      for (const path of ["/wrapped/json", "/rename", "/again/json"]) {
        const json = path === "/rename" ? { id: "1", name: "a" } : ORDER;
        assertProblem(await post(path, { json }), "key-reused");
      }
      const first = await post("/wrapped/json", { key: "key-2", json: ORDER });
      assertProblem(await post("/wrapped/text", { key: "key-2", json: ORDER }), "key-reused");
      assertProblem(await post("/wrapped/json?a=1", { key: "key-2", json: ORDER }), "key-reused");
      assertReplay(first, await post("/wrapped/json", { key: "key-2", json: ORDER }));
      assert.deepEqual([house.runs("json"), house.runs("rename")], [1, 0]);
    },
  },
  {
    title: "S13: a request without a scope reaches the developer, and runs nothing",
    async run({ post, house }) {
      for (const [account, path] of [
        [null, "/checkout"],
        [null, "/wrapped/json"],
        ["undefined", "/checkout"],
        ["acct_undefined", "/wrapped/json"],
      ] as const) {
        const answer = await post(path, { account, json: ORDER });
        assert.equal(answer.status, 500);
        const error = house.errors.at(-1);
        assert.ok(isNevertwiceError(error, "scope-missing"), String(error));
        assert.match(error.message, /`scope` option/);
      }
      assert.equal(house.errors.length, 4);
      assert.equal(house.runs("checkout") + house.runs("json"), 0);
    },
  },
  {
    title: "S15: an expired response is a conflict that tells its outcome, and runs nothing",
    options: { retention: { responseMs: 0 } },
    async run({ post, house }) {
      const decline = { ...ORDER, act: "decline" };
      await post("/checkout", { key: "won", json: ORDER });
      await post("/checkout", { key: "lost", json: decline });
      house.advance(1_000);
      assert.equal((await house.once.prune()).kind, "pruned");
      const won = assertProblem(
        await post("/checkout", { key: "won", json: ORDER }),
        "key-expired",
      );
      assert.deepEqual([won["outcome"], won["reference"]], ["succeeded", "order_1"]);
      assert.equal(won["retry"], "never");
      const again = await post("/checkout", { key: "lost", json: decline });
      const lost = assertProblem(again, "key-expired");
      assert.deepEqual([lost["outcome"], lost["retry"]], ["failed", "new-key"]);
      assertProblem(await post("/checkout", { key: "won", json: decline }), "key-reused");
      assert.equal(house.runs("checkout"), 2);
    },
  },
  {
    title: "S20: a declared response too large to keep is given once",
    async run({ post, house }) {
      const json = { ...ORDER, act: "large" };
      assert.equal((await post("/checkout", { json })).status, 200);
      const again = assertProblem(await post("/checkout", { json }), "response-not-replayable");
      assert.equal(again["outcome"], "succeeded");
      assert.equal(house.runs("checkout"), 1);
    },
  },
  {
    title: "S3: an input that does not fit is refused, and leaves the key free",
    async run({ post, house }) {
      const wrong = await post("/checkout", { json: { ...ORDER, amount: -1 } });
      assert.match(String(assertProblem(wrong, "input-invalid")["detail"]), /amount/);
      assertProblem(await post("/checkout"), "input-invalid");
      assert.equal((await post("/checkout", { json: ORDER })).status, 201);
      assert.equal(house.runs("checkout"), 1);
    },
  },
  {
    title: "S3: a body that is not JSON is refused, and leaves the key free",
    async run({ post, house }) {
      for (const path of ["/checkout", "/wrapped/json"]) {
        const key = path;
        const broken = await post(path, { key, headers: JSON_TYPE, body: '{"cartId":' });
        assert.ok(broken.status === 400 || broken.status === 422, `${broken.status}`);
        assert.equal((await post(path, { key, json: ORDER })).status, 201);
      }
      assert.deepEqual([house.runs("checkout"), house.runs("json")], [1, 1]);
    },
  },
  {
    title: "S3: numbers and texts without one reading are refused",
    async run({ post, house }) {
      const large = '{"cartId":"cart_1","amount":9007199254740993}';
      const answer = await post("/wrapped/json", { headers: JSON_TYPE, body: large });
      assertProblem(answer, "payload-ambiguous");
      assert.equal(house.runs("json"), 0);
    },
  },
  {
    title: "S3: a body beyond the limit is refused, and leaves the key free",
    async run({ post, house }) {
      const cartId = "x".repeat(REQUEST_BYTES_MAX);
      const answer = await post("/checkout", { json: { ...ORDER, cartId } });
      assertProblem(answer, "body-too-large");
      assert.equal((await post("/checkout", { json: ORDER })).status, 201);
      assert.equal(house.runs("checkout"), 1);
    },
  },
  {
    title: "S22: a store that does not answer is a bounded 503, and nothing runs",
    async run({ post, house }) {
      house.cutStore();
      for (const path of ["/checkout", "/wrapped/json"]) {
        const begun = performance.now();
        assertProblem(await post(path, { key: path, json: ORDER }), "store-unavailable");
        assert.ok(performance.now() - begun < 5_000);
      }
      assert.equal(house.runs("checkout") + house.runs("json"), 0);
    },
  },
  {
    title: "S7: an attempt that left nothing behind is told when to come again, and goes on",
    async run({ post, house }) {
      const json = { ...ORDER, act: "throw-first" };
      const scheduled = await post("/checkout", { json });
      assertProblem(scheduled, "retry-scheduled");
      assert.doesNotMatch(scheduled.body.toString(), /no luck/);
      house.advance(DAY_MS);
      const answer = await post("/checkout", { json });
      assert.deepEqual([answer.status, jsonOf(answer)], [200, { run: 2 }]);
      assertReplay(answer, await post("/checkout", { json }));
    },
  },
  {
    title: "S7: a transaction that threw left nothing behind",
    async run({ post, house }) {
      const json = { id: "1", name: "Zoë", act: "throw" };
      assertProblem(await post("/rename", { json }), "retry-scheduled");
      assert.equal(house.store.table("names").get("1"), undefined);
      assert.equal(house.runs("rename"), 1);
    },
  },
];

async function reached(house: { runs(name: string): number }, name: string): Promise<void> {
  while (house.runs(name) === 0) await new Promise((resolve) => setImmediate(resolve));
}
