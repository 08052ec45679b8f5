import assert from "node:assert/strict";
import type { EventRecord } from "../../src/store/inbox.ts";
import { assertProblem } from "./case.ts";
import { ACKNOWLEDGED, sign, WALL, type WebhookGround } from "./webhook-ground.ts";
import type { WebhookCase } from "./webhook-suite.ts";
import { send } from "./wire.ts";

async function stored({ store }: WebhookGround): Promise<readonly EventRecord[]> {
  const answer = await store.inbox.list({ limit: 10 });
  assert.ok(answer.kind === "ok");
  return answer.value;
}

export const answerCases: readonly WebhookCase[] = [
  {
    title: "the provider gets exactly its acknowledgement",
    async run({ post, ground }) {
      const { status, headers, body } = await post("/hooks?a=%20b&c");
      assert.deepEqual([status, body.toString()], [ACKNOWLEDGED.status, ACKNOWLEDGED.body]);
      assert.equal(headers["content-type"], ACKNOWLEDGED.contentType);
      assert.equal(headers["content-length"], String(body.length));
      assert.deepEqual([ground.deliveries[0]?.url, ground.times[0]], ["/hooks?a=%20b&c", WALL]);
      const plain = await post("/plain");
      assert.deepEqual([plain.status, plain.body.length], [200, 0]);
      assert.deepEqual(
        [plain.headers["content-type"], plain.headers["content-length"]],
        [undefined, "0"],
      );
    },
  },
  {
    title: "an event is handled once, however often it comes",
    async run({ post, ground }) {
      const all = await Promise.all([post("/hooks"), post("/hooks"), post("/hooks")]);
      assert.deepEqual(
        all.map(({ status }) => status),
        [202, 202, 202],
      );
      await ground.once.worker.runOnce();
      const [event, ...others] = await stored(ground);
      assert.deepEqual([event?.state, event?.deliveries, others], ["done", 3, []]);
      const seen = ground.store.table<string>("seen").get(event?.key ?? "");
      assert.equal(seen, '{"type":"made"}');
    },
  },
  {
    title: "an authentic event of a type that nobody handles is acknowledged and kept",
    async run({ post, ground }) {
      assert.equal((await post("/hooks", '{"type":"odd"}')).status, 202);
      assert.deepEqual(
        (await stored(ground)).map(({ type, state }) => [type, state]),
        [["odd", "unhandled"]],
      );
    },
  },
  {
    title: "a forged delivery is refused, told of, and leaves nothing behind",
    async run({ post, url, ground }) {
      const forged = await post("/hooks", "{}", { "x-signature": sign("{} ") });
      assertProblem(forged, "signature-wrong");
      assertProblem(await send(`${url}/hooks`, { body: "{}" }), "signature-missing");
      assert.deepEqual(ground.reports, [
        { type: "webhook.refused", source: "hooks", code: "signature-wrong" },
        { type: "webhook.refused", source: "hooks", code: "signature-missing" },
      ]);
      assert.deepEqual([await stored(ground), ground.errors], [[], []]);
    },
  },
  {
    title: "all values of a header reach the provider in their order",
    async run({ post, ground, separates }) {
      const values = ["another", sign("{}")];
      assert.equal((await post("/hooks", "{}", { "x-signature": values })).status, 202);
      const [delivery] = ground.deliveries;
      const seen = delivery?.header("x-signature");
      assert.deepEqual(seen, separates ? values : [values.join(", ")]);
      assert.deepEqual(delivery?.header("x-nothing"), []);
    },
  },
  {
    title: "a store that takes nothing in is the one reason to ask for another delivery",
    async run({ post, ground }) {
      ground.down = true;
      assertProblem(await post("/hooks"), "store-unavailable");
      assert.deepEqual(
        ground.reports.map(({ type }) => type),
        ["inbox.failed"],
      );
      ground.down = false;
      assert.equal((await post("/hooks")).status, 202);
      assert.deepEqual([(await stored(ground)).length, ground.errors], [1, []]);
    },
  },
  {
    title: "a provider's question is answered and nothing is taken in",
    async run({ url, ground }) {
      const answer = await send(`${url}/hooks?challenge=20ab`, { method: "GET" });
      assert.deepEqual([answer.status, answer.body.toString()], [200, "20ab"]);
      assert.equal(answer.headers["content-type"], "text/plain");
      assertProblem(await send(`${url}/hooks`, { method: "GET" }), "signature-missing");
      assert.deepEqual(await stored(ground), []);
    },
  },
  {
    title: "no other method reaches the provider",
    async run({ url, ground }) {
      const headers = { "x-signature": sign("") };
      for (const method of ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        const answer = await send(`${url}/hooks`, { method, headers });
        assert.deepEqual([method, answer.status, answer.body.length], [method, 405, 0]);
        assert.equal(answer.headers.allow, "GET, POST");
      }
      assert.deepEqual([ground.deliveries, ground.reports], [[], []]);
    },
  },
  {
    title: "a bug in the provider's code is the framework's to answer",
    async run({ post, ground }) {
      assert.equal((await post("/hooks", "{}", { "x-fault": "1" })).status, 500);
      assert.match(String(ground.errors[0]), /a bug of the provider's code/);
      assert.deepEqual([await stored(ground), ground.reports], [[], []]);
    },
  },
];
