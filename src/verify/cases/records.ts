import assert from "node:assert/strict";
import type { OperationRecord } from "../../model/operation.ts";
import type { StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertSame,
  bytes,
  claimed,
  claimOf,
  crowd,
  handlesOf,
  inserting,
  messageOf,
  recordOf,
  recordWrite,
  sendOf,
  settlementOf,
  settleWrite,
  takeOverOf,
  within,
} from "./sample.ts";

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, value) => value);

/** Guarantees 5, 9, 10, 21 and 22: what is stored stays, is seen, and is what was given. */
export const recordCases: readonly StoreCase[] = [
  {
    guarantee: 5,
    name: "nothing changes a final operation",
    needs: ["rows", "skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      assert.equal(answered(await store.settle(record, settlementOf())), "done");
      const final = await recordOf(store, record.id);
      const other = settlementOf({ kind: "failed", status: 500, body: bytes("no") });
      await bench.advance(3_600_000);
      for (const fence of [1, 2]) {
        const holder = { ...record, fence };
        assert.equal(answered(await store.settle(holder, other)), "stale");
        const work = inserting(bench, "row", { write: settleWrite(other), value: 1 });
        assert.equal(answered(await store.transact(holder, work)).kind, "refused");
        assert.equal(
          answered(await store.takeOver({ ...takeOverOf(record), fence })).kind,
          "stale",
        );
      }
      const atomic = inserting(bench, "row", { settlement: other, value: 1 });
      assert.equal(answered(await store.atomic(claimOf("k"), atomic)).kind, "found");
      assert.equal(await bench.userRows.count(), 0);
      assertSame(await recordOf(store, record.id), final);
    },
  },
  {
    guarantee: 5,
    name: "of twenty different outcomes at the same time one is kept",
    needs: ["races"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      const answers = await crowd(bench, 20, async (store, index) =>
        answered(await store.settle(record, settlementOf({ body: bytes(`${index}`) }))),
      );
      assert.equal(answers.filter((fenced) => fenced === "done").length, 1);
      const { outcome } = await recordOf(bench.store, record.id);
      assertBytes(outcome?.response?.body, bytes(`${answers.indexOf("done")}`));
    },
  },
  {
    guarantee: 9,
    name: "every handle reads a write as soon as it is committed",
    async run(bench) {
      const [one, two] = await handlesOf(bench);
      assert.ok(one && two);
      assert.equal(answered(await two.read(claimOf("k").id)), undefined);
      const { record } = await claimed(one, claimOf("k"));
      assertSame(await recordOf(two, record.id), record);
      answered(await two.begin(record, sendOf("charge")));
      assert.equal((await recordOf(one, record.id)).steps.length, 1);
    },
  },
  {
    guarantee: 9,
    name: "while a transaction is open, reads and other operations go on",
    needs: ["races", "rows", "async-callbacks"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const entered = Promise.withResolvers<void>();
      const leave = Promise.withResolvers<void>();
      const insert = inserting(bench, "row", { write: settleWrite(), value: 1 });
      const mine = store.transact(record, async (tx) => {
        const result = await insert(tx);
        entered.resolve();
        await leave.promise;
        return result;
      });
      try {
        await within(10_000, entered.promise);
        const meanwhile = async (): Promise<void> => {
          assert.equal((await recordOf(store, record.id)).state, "running");
          assert.equal(await bench.userRows.count(), 0);
          const other = (await claimed(store, claimOf("other"))).record;
          assert.equal(answered(await store.renew(other, 1_000)), "done");
          assert.equal(answered(await store.settle(other, settlementOf())), "done");
          assert.equal(answered(await store.claim(claimOf("k"))).kind, "found");
        };
        await within(10_000, meanwhile());
      } finally {
        leave.resolve();
      }
      assert.equal(answered(await mine).kind, "committed");
      assert.equal((await recordOf(store, record.id)).state, "succeeded");
    },
  },
  {
    guarantee: 9,
    name: "list gives the newest first, filtered, and its pages lose none",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const names = Array.from({ length: 7 }, (_, index) => `k-${index}`);
      // Some are of one millisecond and some are not.
      for (const [index, key] of names.entries()) {
        if (index % 3 === 0) await bench.advance(1_000);
        await claimed(store, claimOf(key));
      }
      const refund = claimOf("refund", { name: "refund", scope: "acct_2" });
      const { record } = await claimed(store, refund);
      answered(await store.settle(record, settlementOf()));
      const ids = async (filter: object): Promise<string[]> =>
        answered(await store.list({ limit: 100, ...filter })).map((entry) => entry.record.id);
      assert.deepEqual(await ids({ name: "refund" }), [refund.id]);
      assert.deepEqual(await ids({ scope: "acct_2" }), [refund.id]);
      assert.deepEqual(await ids({ state: "succeeded" }), [refund.id]);
      assert.deepEqual(await ids({ scope: "acct_3" }), []);
      const all = answered(await store.list({ limit: 100 })).map((entry) => entry.record);
      assert.equal(all.length, 8);
      for (const [index, entry] of all.entries())
        assert.ok(entry.createdAt <= (all[index - 1] ?? entry).createdAt);
      const seen: string[] = [];
      let last: OperationRecord | undefined;
      do {
        const after = last && { after: { createdAt: last.createdAt, id: last.id } };
        const page = answered(await store.list({ limit: 3, ...after }));
        seen.push(...page.map((entry) => entry.record.id));
        last = page[2]?.record;
      } while (last !== undefined);
      assert.deepEqual(
        seen,
        all.map(({ id }) => id),
      );
    },
  },
  {
    guarantee: 10,
    name: "every byte value, header and number comes back as it was given",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const given = { input: EVERY_BYTE, fingerprint: EVERY_BYTE.slice(100, 132), version: 41 };
      const { record } = await claimed(store, claimOf("k", given));
      answered(await store.begin(record, sendOf("charge", { request: EVERY_BYTE })));
      answered(await store.record(record, "charge", { kind: "declined", value: EVERY_BYTE }));
      const headers = [
        ["set-thing", "b"],
        ["content-type", 'text/plain; q="ü"'],
        ["set-thing", "a"],
        ["x-empty", ""],
      ] as const;
      const settlement = settlementOf({ headers, body: EVERY_BYTE, status: 299 });
      const messages = [{ ...messageOf("m"), payload: EVERY_BYTE }];
      const write = recordWrite("reserve", messages);
      answered(await store.transact(record, inserting(bench, "row", { write, value: 1 })));
      assert.equal(answered(await store.settle(record, settlement)), "done");
      const stored = await recordOf(store, record.id);
      assertBytes(stored.request?.input, EVERY_BYTE);
      assertBytes(stored.fingerprint, given.fingerprint);
      assert.equal(stored.version, 41);
      const charge = stored.steps.find(({ name }) => name === "charge");
      assertBytes(charge?.result?.value, EVERY_BYTE);
      assertBytes(charge?.effect?.request, EVERY_BYTE);
      assertBytes(stored.outcome?.response?.body, EVERY_BYTE);
      assert.deepEqual(stored.outcome?.response?.headers, headers);
      assert.equal(stored.outcome?.status, 299);
      assert.equal(stored.outcome?.reference, undefined);
      assertBytes(answered(await store.messages(record.id))[0]?.payload, EVERY_BYTE);
    },
  },
  {
    guarantee: 10,
    name: "an empty body is a response, and a body above the limit is told from a pruned one",
    async run({ store }) {
      const empty = (await claimed(store, claimOf("empty", { input: bytes("") }))).record;
      const nothing = settlementOf({ headers: [], body: bytes(""), status: 204 });
      answered(await store.settle(empty, nothing));
      const stored = await recordOf(store, empty.id);
      assertBytes(stored.outcome?.response?.body, bytes(""));
      assertBytes(stored.request?.input, bytes(""));
      assert.deepEqual(stored.outcome?.response?.headers, []);
      const large = (await claimed(store, claimOf("large"))).record;
      const settlement = settlementOf({ reference: "order_1" });
      answered(await store.settle(large, { ...settlement, keepResponse: false }));
      const { outcome } = await recordOf(store, large.id);
      assert.equal(outcome?.response, undefined);
      assert.equal(outcome?.missing, "too-large");
      assert.equal(outcome?.status, 201);
      assert.equal(outcome?.reference, "order_1");
    },
  },
  {
    guarantee: 10,
    name: "bytes that the caller changes afterwards stay as they were stored",
    async run({ store }) {
      const input = bytes("input");
      const body = bytes("body");
      const { record } = await claimed(store, claimOf("k", { input }));
      input.fill(0);
      answered(await store.settle(record, settlementOf({ body })));
      body.fill(0);
      const first = await recordOf(store, record.id);
      first.outcome?.response?.body.fill(0);
      const second = await recordOf(store, record.id);
      assertBytes(second.request?.input, bytes("input"));
      assertBytes(second.outcome?.response?.body, bytes("body"));
    },
  },
  {
    guarantee: 21,
    name: "a message key is staged once per topic, and a second one rolls back its transaction",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const staging = { ...settlementOf(), messages: [messageOf("m")] };
      const first = (await claimed(store, claimOf("first"))).record;
      assert.equal(answered(await store.settle(first, staging)), "done");

      const { record } = await claimed(store, claimOf("second"));
      const refused = async (
        answer: Promise<{ kind: string; value?: unknown; again?: boolean }>,
      ) => {
        const { kind, value, again = false } = await answer;
        assert.notEqual(kind, "not-known");
        assert.equal(again, false, "it would be refused again");
        assert.ok(kind !== "ok" || (value as { kind?: string }).kind !== "committed");
        assert.notEqual(value, "done");
      };
      await refused(store.settle(record, staging));
      const twins = { ...settlementOf(), messages: [messageOf("t"), messageOf("t")] };
      await refused(store.settle(record, twins));
      for (const write of [settleWrite(staging), recordWrite("reserve", staging.messages)])
        await refused(store.transact(record, inserting(bench, "row", { write, value: 1 })));
      const atomic = claimOf("third", { form: "atomic" });
      const work = inserting(bench, "row", { settlement: staging, value: 1 });
      await refused(store.atomic(atomic, work));

      assert.equal(await bench.userRows.count(), 0);
      assert.equal(answered(await store.read(atomic.id)), undefined);
      assertSame(await recordOf(store, record.id), record);
      assert.deepEqual(answered(await store.messages(record.id)), []);
      const other = { ...settlementOf(), messages: [messageOf("m", "other topic")] };
      assert.equal(answered(await store.settle(record, other)), "done");
    },
  },
  {
    guarantee: 22,
    name: "migrating again, from two handles at once, loses nothing",
    async run(bench) {
      const [one, two] = await handlesOf(bench);
      assert.ok(one && two);
      const { record } = await claimed(one, claimOf("k"));
      assert.equal(answered(await one.namespace("shop-test")), "shop-test");
      assert.deepEqual(await Promise.all([one.migrate(), two.migrate()]), [[], []]);
      assertSame(await recordOf(two, record.id), record);
      assert.equal(answered(await two.namespace("shop-production")), "shop-test");
      assert.equal(typeof one.schema(), "string");
    },
  },
  {
    guarantee: 22,
    name: "two handles that migrate an empty database at once share the work",
    needs: ["unmigrated"],
    async run(bench) {
      const handles = await bench.unmigrated?.();
      assert.ok(handles);
      const [one, two] = handles;
      const [first, second] = await within(30_000, Promise.all([one.migrate(), two.migrate()]));
      const ran = [...first, ...second];
      assert.ok(ran.length > 0, "a database without tables needs a migration");
      assert.equal(new Set(ran).size, ran.length);
      const { record } = await claimed(one, claimOf("k"));
      assertSame(await recordOf(two, record.id), record);
    },
  },
];
