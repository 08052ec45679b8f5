import assert from "node:assert/strict";
import type { EventEnd, EventWork, TakenEvent } from "../../store/inbox.ts";
import type { MaybePromise } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  eventRecordOf,
  numbersOf,
  objectsOf,
  repeated,
  stagedKeys,
  stagedOf,
  taken,
  takenNumbers,
  throwing,
  workOf,
} from "./inbox-sample.ts";
import { after, answered, assertBytes, crowd, within } from "./sample.ts";

/** Guarantee 42: what is handled in the transaction that takes it in. */
export const inboxHandledCases: readonly StoreCase[] = [
  {
    guarantee: 42,
    name: "the key, the end, the row, the messages and the object's state commit together, once",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const event = eventOf("a", { aliases: ["x"], route: "webhook" });
      const work = handling(bench, "row", { state: "paid", messages: [stagedOf("m")] });
      const answer = answered(await store.inbox.acceptHandled(event, work));
      assert.ok(answer.kind === "committed");
      assert.equal(answer.value, 7);
      const stored = answered(await store.inbox.read(answer.number));
      assert.equal(stored?.record.key, "a");
      assert.equal(stored?.record.state, "done");
      assert.equal(stored?.record.deliveries, 1);
      assertBytes(stored?.body, event.body);
      assert.deepEqual(await stagedKeys(store, "m"), ["m"]);
      const again = answered(await store.inbox.acceptHandled(event, work));
      const accepted = { number: answer.number, isNew: false, conflict: false };
      assert.deepEqual(again, { kind: "known", accepted });
      assert.deepEqual(await taken(store, event), [accepted]);
      const forged = { ...eventOf("other content"), key: "a" };
      const conflict = answered(await store.inbox.acceptHandled(forged, work));
      assert.deepEqual(conflict, { kind: "known", accepted: { ...accepted, conflict: true } });
      assert.equal((await eventRecordOf(store, answer.number)).deliveries, 4);
      assert.equal(await bench.userRows.count(), 1);
      await takenNumbers(store, "b");
      assert.equal((await claimedObject(store)).state, "paid");
    },
  },
  {
    guarantee: 42,
    name: "it is busy and not taken in while its object has waiting events or a holder",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const work = handling(bench, "row");
      const attempt = async () =>
        answered(await store.inbox.acceptHandled(eventOf("b"), work)).kind;
      assert.equal(await attempt(), "busy");
      const object = await claimedObject(store);
      assert.equal(await attempt(), "busy");
      const keeps = workOf(doneOf([{ number: a }]), { keeps: true });
      answered(await store.inbox.handle(object, () => keeps));
      assert.equal(await attempt(), "busy");
      const other = eventOf("c", { object: "payment_intent:pi_2" });
      const free = answered(await store.inbox.acceptHandled(other, handling(bench, "other")));
      assert.equal(free.kind, "committed");
      const elsewhere = eventOf("b", { source: "adyen" });
      const third = answered(await store.inbox.acceptHandled(elsewhere, handling(bench, "third")));
      assert.equal(third.kind, "committed");
      assert.equal(await bench.userRows.count(), 2);
      answered(await store.inbox.release(object, []));
      assert.equal(await attempt(), "committed");
      assert.equal(await bench.userRows.count(), 3);
    },
  },
  {
    guarantee: 42,
    name: "a callback that throws leaves no key, so that the event may come again",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const error = new Error("The order is missing.");
      const event = eventOf("a", { aliases: ["x"], change: "succeeded" });
      const answer = await store.inbox.acceptHandled(event, throwing(bench, "row", error));
      assert.deepEqual(answered(answer), { kind: "threw", error });
      assert.deepEqual(answered(await store.inbox.list({ limit: 10 })), []);
      assert.equal(await bench.userRows.count(), 0);
      const [accepted] = await taken(store, event);
      assert.equal(accepted?.isNew, true);
      assert.equal(accepted?.conflict, false);
      assert.equal((await eventRecordOf(store, accepted?.number ?? 0)).state, "waiting");
    },
  },
  {
    guarantee: 42,
    name: "a message whose key is taken takes the event back",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const messages = [stagedOf("m")];
      answered(await store.inbox.acceptHandled(eventOf("a"), handling(bench, "one", { messages })));
      const event = eventOf("b");
      const work = handling(bench, "two", { state: "paid", messages });
      const answer = await store.inbox.acceptHandled(event, work);
      assert.ok(answer.kind === "not-applied" || answered(answer).kind === "threw");
      assert.equal(await bench.userRows.count(), 1);
      const [accepted] = await taken(store, event);
      assert.equal(accepted?.isNew, true);
      assert.equal((await claimedObject(store)).state, undefined);
    },
  },
  {
    guarantee: 42,
    name: "an event that its callback puts off, or gives up, is kept as that",
    async run({ store }) {
      const put = async (key: string, end: (number: number) => EventEnd): Promise<number> => {
        const answer = await store.inbox.acceptHandled(eventOf(key, { object: key }), (_, at) =>
          workOf([end(at.number)]),
        );
        const value = answered(answer);
        assert.ok(value.kind === "committed");
        return value.number;
      };
      const waits = { kind: "waiting", dueInMs: 60_000, attempted: true } as const;
      const a = await put("a", (number) => ({ ...waits, number, waitsFor: "order_1" }));
      const b = await put("b", (number) => ({ kind: "dead", number, error: "It says nothing." }));
      const [off, dead] = [await eventRecordOf(store, a), await eventRecordOf(store, b)];
      assert.equal(off.waitsFor, "order_1");
      assert.deepEqual([off.attempts, off.error], [1, undefined]);
      assert.equal(dead.state, "dead");
      assert.deepEqual([dead.attempts, dead.error], [1, "It says nothing."]);
      assert.deepEqual(answered(await objectsOf(store)), []);
      assert.equal(answered(await store.inbox.arrive("order_1")), 1);
      assert.deepEqual(numbersOf(await claimedObject(store)), [a]);
    },
  },
  {
    guarantee: 42,
    name: "no end, the end of another event, and two ends take the event back",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [other = 0] = (await taken(store, eventOf("z", { object: "z" }))).map(
        ({ number }) => number,
      );
      const wrong: readonly ((number: number) => EventEnd[])[] = [
        () => [],
        () => doneOf([{ number: other }]),
        (number) => doneOf([{ number: number + 1 }]),
        (number) => doneOf([{ number }, { number: other }]),
        (number) => doneOf([{ number }, { number }]),
      ];
      for (const ends of wrong) {
        const work = (tx: unknown, { number }: TakenEvent) =>
          after(bench.userRows.insert(tx, "row"), () =>
            workOf(ends(number), { state: "paid", messages: [stagedOf("m")] }),
          );
        const answer = await store.inbox.acceptHandled(eventOf("a"), work);
        assert.ok(answer.kind === "not-applied" || answered(answer).kind === "threw");
      }
      assert.equal(await bench.userRows.count(), 0);
      assert.deepEqual(await stagedKeys(store, "m"), []);
      assert.equal(answered(await store.inbox.list({ limit: 10 })).length, 1);
      assert.equal((await eventRecordOf(store, other)).state, "waiting");
      const event = eventOf("a");
      const answer = answered(await store.inbox.acceptHandled(event, handling(bench, "row")));
      assert.equal(answer.kind, "committed");
    },
  },
  {
    guarantee: 42,
    name: "a second event of a change is known as a new one, and not handled",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const change = "succeeded:pi_1";
      const first = eventOf("a", { change });
      answered(await store.inbox.acceptHandled(first, handling(bench, "one")));
      const second = eventOf("b", { change });
      const answer = answered(await store.inbox.acceptHandled(second, handling(bench, "two")));
      assert.ok(answer.kind === "known");
      assert.equal(answer.accepted.isNew, true);
      const record = await eventRecordOf(store, answer.accepted.number);
      assert.equal(record.state, "superseded");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 42,
    name: "of twenty deliveries of one event at the same time one is handled",
    needs: ["races", "rows"],
    async run(bench) {
      const kinds = await crowd(bench, 20, async (store, index) => {
        const work = handling(bench, `row-${index}`, { messages: [stagedOf(`m-${index}`)] });
        return (await repeated(() => store.inbox.acceptHandled(eventOf("a"), work))).kind;
      });
      assert.equal(kinds.filter((kind) => kind === "committed").length, 1);
      assert.ok(kinds.every((kind) => ["committed", "known", "busy"].includes(kind)));
      assert.equal(await bench.userRows.count(), 1);
      assert.equal(answered(await bench.store.inbox.list({ limit: 100 })).length, 1);
      assert.equal(answered(await bench.store.outbox.list({ limit: 100 })).length, 1);
    },
  },
  {
    guarantee: 42,
    name: "twenty events of one object at once each see the state that the one before left",
    needs: ["races", "rows"],
    async run(bench) {
      const kinds = await crowd(bench, 20, async (store, index) => {
        const work = (tx: unknown, { number, state = "0" }: TakenEvent) =>
          after(bench.userRows.insert(tx, `row-${index}`), () =>
            workOf(doneOf([{ number }]), { state: `${Number(state) + 1}` }),
          );
        return (await repeated(() => store.inbox.acceptHandled(eventOf(`evt_${index}`), work)))
          .kind;
      });
      const committed = kinds.filter((kind) => kind === "committed").length;
      assert.ok(committed > 0);
      assert.ok(kinds.every((kind) => kind === "committed" || kind === "busy"));
      assert.equal(await bench.userRows.count(), committed);
      await takenNumbers(bench.store, "last");
      assert.equal((await claimedObject(bench.store)).state, `${committed}`);
    },
  },
  {
    guarantee: 42,
    name: "what comes while the callback waits is taken in once, and handled by nobody else",
    needs: ["races", "rows", "async-callbacks"],
    async run(bench) {
      const { store } = bench;
      const other = (await bench.again?.()) ?? store;
      const began = Promise.withResolvers<void>();
      const goes = Promise.withResolvers<void>();
      const work = handling(bench, "row");
      const handled = store.inbox.acceptHandled(eventOf("a"), async (tx, at) => {
        began.resolve();
        await goes.promise;
        return work(tx, at);
      });
      await began.promise;
      const accepts = Promise.all([taken(other, eventOf("a")), taken(other, eventOf("b"))]);
      const given = answered(await within(20_000, objectsOf(other)));
      assert.deepEqual(given, []);
      goes.resolve();
      const answer = answered(await within(20_000, handled));
      const [[a], [b]] = await within(20_000, accepts);
      const committed = answer.kind === "committed";
      assert.ok(committed || answer.kind === "known");
      assert.equal(a?.isNew, !committed);
      assert.equal(b?.isNew, true);
      assert.equal(await bench.userRows.count(), committed ? 1 : 0);
      const object = await claimedObject(store);
      assert.equal(numbersOf(object).includes(a?.number ?? 0), !committed);
      assert.ok(numbersOf(object).includes(b?.number ?? 0));
    },
  },
];

/** A callback that inserts one row and ends its event as done. */
function handling(
  bench: StoreBench,
  row: string,
  change: Partial<EventWork<number>> = {},
): (tx: unknown, at: TakenEvent) => MaybePromise<EventWork<number>> {
  return (tx, { number }) =>
    after(bench.userRows.insert(tx, row), () => workOf(doneOf([{ number }]), change));
}
