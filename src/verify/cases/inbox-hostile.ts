import assert from "node:assert/strict";
import type { EventEnd } from "../../store/inbox.ts";
import type { Answer } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import { HOSTILE } from "./hostile.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  numbersOf,
  objectsOf,
  stagedKeys,
  stagedOf,
  taken,
  takenNumbers,
  workOf,
} from "./inbox-sample.ts";
import { answered, assertBytes, bytes } from "./sample.ts";

const DAY_MS = 86_400_000;
const _WEEK_MS = 7 * DAY_MS;
const _YEAR_MS = 365 * DAY_MS;

/** Guarantees 23 and 24 for what came in: failing is an answer, and text is only ever data. */
export const inboxHostileCases: readonly StoreCase[] = [
  {
    guarantee: 24,
    name: "hostile sources, keys, aliases, types, objects, changes, states and errors are data",
    async run({ store }) {
      const events = HOSTILE.map((text) => {
        const names = { source: text, type: text, object: text, change: text, aliases: [text] };
        return eventOf(text, { ...names, body: bytes(text) });
      });
      const accepted = await taken(store, ...events);
      assert.ok(accepted.every(({ isNew, conflict }) => isNew && !conflict));
      for (const text of HOSTILE) {
        const [object, ...others] = answered(await objectsOf(store, { sources: [text] }));
        assert.ok(object);
        assert.deepEqual(others, []);
        assert.equal(object.object, text);
        assert.equal(object.events[0]?.key, text);
        assertBytes(object.events[0]?.body, bytes(text));
        const [number = 0] = numbersOf(object);
        const waits = { kind: "waiting", dueInMs: 0, attempted: true } as const;
        const ends: EventEnd[] = [{ ...waits, number, error: text, waitsFor: text }];
        const messages = [{ ...stagedOf(text), topic: text, aggregate: text }];
        const work = workOf(ends, { state: text, messages });
        assert.equal(answered(await store.inbox.handle(object, () => work)).kind, "committed");
        assert.deepEqual(await stagedKeys(store, text), [text]);
        const filter = { source: text, type: text, object: text, limit: 10 };
        const [record, ...more] = answered(await store.inbox.list(filter));
        assert.deepEqual(more, []);
        assert.equal(record?.error, text);
        assert.equal(record?.waitsFor, text);
        assert.equal(answered(await store.inbox.arrive(text)), 1);
        const [again] = answered(await objectsOf(store, { sources: [text] }));
        assert.equal(again?.state, text);
        const cursor = { source: text, from: undefined, to: text };
        assert.deepEqual(answered(await store.inbox.accept({ events: [], cursor })), []);
        assert.equal(answered(await store.inbox.cursor(text)), text);
        const order = { filter, by: text, reason: text, dryRun: true };
        assert.deepEqual(answered(await store.inbox.redeliver(order)), []);
        const [ruling] = answered(await store.inbox.rulings(1));
        assert.equal(ruling?.by, text);
        assert.equal(ruling?.reason, text);
        assert.deepEqual(JSON.parse(ruling?.filter ?? ""), filter);
      }
      assert.equal(answered(await store.inbox.counts()).length, HOSTILE.length);
    },
  },
  {
    guarantee: 23,
    name: "text that a database cannot hold is refused by an answer of the inbox, or taken",
    async run({ store }) {
      for (const text of ["nul\0", "half \ud800 of a pair"]) {
        const [number = 0] = await takenNumbers(store, `of ${text.length}`);
        const object = await claimedObject(store);
        const end = { kind: "waiting", dueInMs: 0, attempted: true, waitsFor: text } as const;
        const filter = { source: text, limit: 1 };
        const answers: readonly Answer<unknown>[] = [
          await objectsOf(store, { sources: [text] }),
          await store.inbox.list(filter),
          await store.inbox.arrive(text),
          await store.inbox.cursor(text),
          await store.inbox.redeliver({ filter, by: text, reason: text, dryRun: false }),
          await store.outbox.claim({ topics: [text], leaseMs: 1, limit: 1 }),
          await store.inbox.handle(object, () =>
            workOf([{ ...end, number }], { state: text, keeps: true }),
          ),
        ];
        for (const answer of answers) assert.notEqual(answer.kind, "not-known");
        assert.equal(answered(await store.inbox.release(object, doneOf([{ number }]))), "done");
      }
    },
  },
];
