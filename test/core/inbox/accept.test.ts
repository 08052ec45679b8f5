import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuthenticEvent, isNevertwiceError } from "../../../src/index.ts";
import { digest } from "../../../src/model/key.ts";
import type { EventRecord, NewEvent } from "../../../src/store/inbox.ts";
import { event, type Ground, ground } from "./ground.ts";

const digestOf = (name: string): string => `sha256:${digest(name).toString("hex")}`;

async function kept({ store }: Ground): Promise<readonly EventRecord[]> {
  const list = await store.inbox.list({ limit: 100 });
  assert.ok(list.kind === "ok");
  return list.value.toReversed();
}

/** Takes the events in by an inbox with one handler, and says what the store was handed. */
async function handedOver(...events: readonly AuthenticEvent[]): Promise<readonly NewEvent[]> {
  const at = ground();
  const handed: NewEvent[] = [];
  const { accept } = at.store.inbox;
  const inbox: typeof at.store.inbox = {
    ...at.store.inbox,
    accept(request) {
      handed.push(...request.events);
      return accept(request);
    },
  };
  const once = at.process({ store: { ...at.store, inbox } });
  const handlers = {
    "payment.succeeded": { nature: "once-only", handler: () => undefined },
    "payment.updated": () => undefined,
  } as const;
  await once.inbox({ source: "acme" }, handlers).accept(events);
  return handed;
}

test("a name of 255 characters is kept, and a longer or a broken one becomes its digest", async () => {
  const [fits, long, broken] = ["k".repeat(255), "k".repeat(256), "half \ud800"] as const;
  const names = await handedOver(
    event("1", { key: fits, aliases: [fits, long] }),
    event("2", { key: long, type: long }),
    event("3", { key: broken, object: { kind: "payment", id: long } }),
  );
  assert.deepEqual(
    names.map(({ key }) => key),
    [fits, digestOf(long), digestOf(broken)],
  );
  assert.deepEqual(names[0]?.aliases, [fits, digestOf(long)]);
  assert.equal(names[1]?.type, digestOf(long));
  assert.equal(names[2]?.object, digestOf(`payment:${long}`));
});

test("an event is about its object, or about itself", async () => {
  const { object, ...bare } = event("evt_2");
  const [first, second] = await handedOver(event("evt_1"), bare);
  assert.deepEqual([first?.object, first?.aliases], ["payment:pi_1", []]);
  assert.equal(second?.object, "event:id:evt_2");
});

test("only a type that happens once to an object makes a change, of that object", async () => {
  const { object, ...bare } = event("evt_2");
  const type = "payment.updated";
  const handed = await handedOver(event("evt_1"), bare, event("evt_3", { type }));
  assert.deepEqual(
    handed.map(({ change }) => change),
    ["payment.succeeded:payment:pi_1", undefined, undefined],
  );
});

test("what nobody handles and what proves nothing is kept as unhandled", async () => {
  const evidence = { provider: "acme", providerKey: "k", finding: "executed" } as const;
  const handed = await handedOver(
    event("evt_1"),
    event("evt_2", { type: "payment.closed" }),
    event("evt_3", { type: "payment.closed", evidence: { ...evidence, reference: "pi_1" } }),
  );
  assert.deepEqual(
    handed.map(({ state }) => state),
    ["waiting", "unhandled", "waiting"],
  );
});

test("of no events the store is not asked", async () => {
  assert.deepEqual(await handedOver(), []);
  const at = ground();
  const { accept } = at.store.inbox;
  let asked = 0;
  const inbox: typeof at.store.inbox = {
    ...at.store.inbox,
    accept(request) {
      asked += 1;
      return accept(request);
    },
  };
  const once = at.process({ store: { ...at.store, inbox } });
  await once.inbox({ source: "acme" }, {}).accept([]);
  assert.equal(asked, 0);
});

test("what could not be stored is refused with the store's own error", async () => {
  const at = ground();
  const error = new Error("The connection was reset.");
  const inbox = { ...at.store.inbox, accept: async () => ({ kind: "not-known", error }) as const };
  const once = at.process({ store: { ...at.store, inbox } });
  await assert.rejects(once.inbox({ source: "acme" }, {}).accept([event("evt_1")]), (thrown) => {
    assert.ok(isNevertwiceError(thrown));
    assert.deepEqual([thrown.code, thrown.cause], ["store-unavailable", error]);
    return true;
  });
});

test("what becomes of each event is told with its number, its type and its route", async () => {
  const at = ground();
  const inbox = at.process().inbox({ source: "acme" }, { "*": () => undefined });
  await inbox.accept([event("evt_1")]);
  await inbox.accept([event("evt_1", { payload: "forged" })]);
  const [{ number = 0 } = {}] = await kept(at);
  const of = { source: "acme", event: "payment.succeeded", number };
  assert.deepEqual(at.reports, [
    { type: "event.accepted", ...of, route: "webhook" },
    { type: "event.repeated", ...of, route: "webhook" },
    { type: "event.conflict", ...of },
  ]);
});

test("an event that is new wakes the worker, among others that are not", async () => {
  const at = ground();
  const once = at.process();
  const handled = Promise.withResolvers<void>();
  const inbox = once.inbox(
    { source: "acme" },
    { "payment.updated": () => undefined, "payment.closed": () => handled.resolve() },
  );
  await inbox.accept([event("evt_1", { type: "payment.updated" })]);
  await once.worker.runOnce();
  // By itself it would look again after an hour.
  once.worker.start({ pollMs: 3_600_000 });
  await new Promise((resolve) => setImmediate(resolve));
  await inbox.accept([
    event("evt_1", { type: "payment.updated" }),
    event("evt_2", { type: "payment.closed" }),
  ]);
  await handled.promise;
  await once.worker.stop();
});
