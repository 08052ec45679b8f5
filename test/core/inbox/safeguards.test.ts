import assert from "node:assert/strict";
import { test } from "node:test";
import { createBreaker } from "../../../src/core/inbox/breaker.ts";
import type { AuthenticEvent, Clock, SweepPage } from "../../../src/index.ts";
import { effect, event, ground } from "./ground.ts";

test("what is stored of an event and of its messages is sealed, and opened for the handler", async () => {
  const { process, store } = ground();
  const keys = { "2026-11": new Uint8Array(32).fill(7) };
  const once = process({ encryption: { current: "2026-11", keys } });
  const seen: unknown[] = [];
  const sent: unknown[] = [];
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (_, { payload }, write) => {
        seen.push(payload);
        write.stage("receipt", { card: "4242" }, { key: "receipt:1" });
      },
    },
  );
  once.relay("receipt", ({ payload }) => void sent.push(payload));
  await inbox.accept([event("evt_1", { payload: { card: "4242" } })]);
  const list = await store.inbox.list({ limit: 1 });
  const number = list.kind === "ok" ? (list.value[0]?.number ?? 0) : 0;
  const read = await store.inbox.read(number);
  const body = read.kind === "ok" ? read.value?.body : undefined;
  assert.ok(body && !Buffer.from(body).includes("4242"), "the body lies open");
  await once.worker.runOnce();
  await once.worker.runOnce();
  assert.deepEqual([seen, sent], [[{ card: "4242" }], [{ card: "4242" }]]);
});

test("an authentic event is kept although its numbers are too large", async () => {
  const { process } = ground();
  const once = process();
  const seen: unknown[] = [];
  const inbox = once.inbox(
    { source: "acme" },
    { "*": (_, { payload }) => void seen.push(payload) },
  );
  await inbox.accept([event("evt_1", { payload: JSON.parse('{"a":[1e400,-1e400,1]}') })]);
  await once.worker.runOnce();
  assert.deepEqual(seen, [{ a: ["Infinity", "-Infinity", 1] }]);
});

test("a message whose stored payload was altered is dead, and is not sent", async () => {
  const { process, store } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "*": (_, __, write) => write.stage("mail", { to: "ann" }),
    },
  );
  await inbox.accept([event("evt_1")]);
  await once.worker.runOnce();
  const outbox: typeof store.outbox = {
    ...store.outbox,
    async claim(request) {
      const answer = await store.outbox.claim(request);
      if (answer.kind !== "ok") return answer;
      const payload = Uint8Array.of(0, 123);
      return { kind: "ok", value: answer.value.map((message) => ({ ...message, payload })) };
    },
  };
  const other = process({ store: { ...store, outbox } });
  const sent: unknown[] = [];
  other.relay("mail", (message) => void sent.push(message));
  await other.worker.runOnce();
  const list = await store.outbox.list({ topic: "mail", limit: 1 });
  assert.equal(list.kind === "ok" && list.value[0]?.state, "dead");
  assert.deepEqual(sent, []);
});

for (const landed of [true, false])
  test(`six commits without an answer make no event dead nor double: ${landed}`, async () => {
    const { process, store, effects, advance } = ground();
    let silent = 6;
    const inner: typeof store.inbox = {
      ...store.inbox,
      async handle(holder, work) {
        if (silent === 0) return store.inbox.handle(holder, work);
        silent -= 1;
        if (landed) await store.inbox.handle(holder, work);
        return { kind: "not-known", error: new Error("The answer was lost.") };
      },
    };
    const once = process({ store: { ...store, inbox: inner } });
    const inbox = once.inbox(
      { source: "acme" },
      {
        "payment.succeeded": (tx, { key }) => effect(tx, key),
      },
    );
    await inbox.accept([event("evt_1"), event("evt_2")]);
    for (let pass = 0; pass < 8; pass += 1) {
      await once.worker.runOnce();
      advance(2_000);
    }
    assert.deepEqual(effects(), ["id:evt_1", "id:evt_2"]);
    const list = await store.inbox.list({ state: "done", limit: 10 });
    assert.equal(list.kind === "ok" && list.value.length, 2);
  });

test("a provider that cannot be read pauses, and no other with it", () => {
  let now = 0;
  const breaker = createBreaker({ monotonic: () => now } as Clock);
  for (let failure = 0; failure < 5; failure += 1) {
    assert.equal(breaker.isOpen("dead"), false);
    breaker.tell("dead", false);
  }
  assert.equal(breaker.isOpen("dead"), true);
  assert.equal(breaker.isOpen("other"), false);
  now += 1_000;
  assert.equal(breaker.isOpen("dead"), false);
  breaker.tell("dead", false);
  now += 1_999;
  assert.equal(breaker.isOpen("dead"), true);
  breaker.tell("dead", true);
  assert.equal(breaker.isOpen("dead"), false);
});

test("a sweep finds what never came, and moves its cursor over what is covered only", async () => {
  const { process, effects } = ground();
  const once = process();
  const asked: (string | undefined)[] = [];
  const pages: SweepPage[][] = [];
  const inbox = once.inbox(
    { source: "acme" },
    { "payment.succeeded": (tx, { key }) => effect(tx, key) },
    {
      sweep: {
        async *pages(cursor) {
          asked.push(cursor);
          for (const page of pages.shift() ?? []) {
            if (page.events.length === 0) throw new Error("The list broke off.");
            yield page;
          }
        },
      },
    },
  );
  const listed = (...ids: string[]): AuthenticEvent[] => ids.map((id) => event(id));
  await inbox.accept(listed("evt_1"));
  pages.push([{ events: listed("evt_1", "evt_2") }, { events: [] }]);
  await assert.rejects(inbox.sweepOnce(), /broke off/);
  pages.push([{ events: listed("evt_1", "evt_2") }, { events: listed("evt_3"), cursor: "to 3" }]);
  assert.deepEqual(await inbox.sweepOnce(), { listed: 3, found: 1 });
  pages.push([{ events: listed("evt_3"), cursor: "to 4" }]);
  await inbox.sweepOnce();
  assert.deepEqual(asked, [undefined, undefined, "to 3"]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1", "id:evt_2", "id:evt_3"]);
});

test("two sweeps at once move the cursor once", async () => {
  const { process, store } = ground();
  const gate = Promise.withResolvers<void>();
  let waiting = 0;
  const sweep = {
    async *pages(): AsyncGenerator<SweepPage> {
      waiting += 1;
      if (waiting === 2) gate.resolve();
      await gate.promise;
      yield { events: [event("evt_1")], cursor: "to 1" };
    },
  };
  const sweepers = [process(), process()].map((once) =>
    once.inbox({ source: "acme" }, {}, { sweep }),
  );
  const found = await Promise.all(sweepers.map((inbox) => inbox.sweepOnce()));
  assert.deepEqual(found.map((one) => one.found).sort(), [0, 1]);
  const cursor = await store.inbox.cursor("acme");
  assert.equal(cursor.kind === "ok" && cursor.value, "to 1");
});
