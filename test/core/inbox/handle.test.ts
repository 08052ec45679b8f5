import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemoryStore } from "../../../src/stores/memory/store.ts";
import { effect, event, ground, type MemoryOnce } from "./ground.ts";

type Inbox = MemoryStore["inbox"];

const LOST = { kind: "not-known", error: new Error("gone") } as const;
const STALE = { kind: "stale" } as const;

/** Three events of one object, of which the second one is refused by its handler. */
async function three(inner: (store: MemoryStore) => Partial<Inbox> = () => ({})) {
  const here = ground();
  const { store } = here;
  const once = here.process({ store: { ...store, inbox: { ...store.inbox, ...inner(store) } } });
  await declare(once).accept([
    event("evt_1"),
    event("evt_2", { type: "payment.odd" }),
    event("evt_3"),
  ]);
  here.reports.length = 0;
  const { handling } = await once.worker.runOnce();
  const told = here.reports.map((report) => `${report.type} ${"event" in report && report.event}`);
  return { here, handling, told: told.sort() };
}

function declare(once: MemoryOnce) {
  return once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key }) => effect(tx, key),
      "payment.odd": (_, { refuse }) => refuse("nobody knows what it is"),
    },
  );
}

/** What another process makes of what is left, a while later. */
async function later({ here }: Awaited<ReturnType<typeof three>>): Promise<string[]> {
  const once = here.process();
  declare(once);
  for (let pass = 0; pass < 3; pass += 1) {
    here.advance(100_000);
    await once.worker.runOnce();
  }
  return here.effects();
}

test("each end of an event is told once, under its own type", async () => {
  const end = await three();
  assert.deepEqual(end.handling, { objects: 1, ended: 3, reachable: true });
  assert.deepEqual(end.told, [
    "event.dead payment.odd",
    "event.done payment.succeeded",
    "event.done payment.succeeded",
  ]);
  assert.deepEqual(await later(end), ["id:evt_1", "id:evt_3"]);
});

test("a commit without an answer puts off what is left of the object, and says so", async () => {
  let calls = 0;
  const end = await three(({ inbox }) => ({
    handle: async (holder, work) => {
      calls += 1;
      // All at once, then the first alone, and then the one that is lost.
      return calls === 3 ? LOST : inbox.handle(holder, work);
    },
  }));
  assert.deepEqual([calls, end.handling?.ended], [3, 1]);
  assert.deepEqual(end.told, ["event.done payment.succeeded", "inbox.failed false"]);
  const [failed] = end.here.reports.filter(({ type }) => type === "inbox.failed");
  assert.deepEqual(failed, { type: "inbox.failed", source: "acme", error: LOST.error });
  assert.deepEqual(end.here.effects(), ["id:evt_1"]);
  assert.deepEqual(await later(end), ["id:evt_1", "id:evt_3"]);
});

for (const last of [1, 2])
  test(`a claim that another process has taken tells nothing: at call ${last}`, async () => {
    let calls = 0;
    const end = await three(({ inbox }) => ({
      handle: async (holder, work) => {
        calls += 1;
        return calls === last ? { kind: "ok", value: STALE } : inbox.handle(holder, work);
      },
    }));
    assert.deepEqual([calls, end.told, end.handling?.ended], [last, [], 0]);
    assert.deepEqual(await later(end), ["id:evt_1", "id:evt_3"]);
  });

for (const answer of [LOST, { kind: "ok", value: "stale" }] as const)
  test(`ends that were not written are not told: ${answer.kind}`, async () => {
    const end = await three(() => ({ release: async () => answer }));
    assert.deepEqual(end.told, ["event.done payment.succeeded", "event.done payment.succeeded"]);
    assert.equal(end.handling?.ended, 2);
    assert.deepEqual(await later(end), ["id:evt_1", "id:evt_3"]);
  });
