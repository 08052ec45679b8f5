import assert from "node:assert/strict";
import type { Answer } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  assertSame,
  bytes,
  claimed,
  claimOf,
  inserting,
  recordOf,
  recordWrite,
  sendOf,
  settlementOf,
  takenOver,
} from "./sample.ts";

const CONTROLS = String.fromCharCode(...Array.from({ length: 31 }, (_, index) => index + 1), 127);

/** Text that ends a quotation, a statement, a template, a line or a column. */
export const HOSTILE: readonly string[] = [
  "'; DROP TABLE nevertwice_operations; --",
  "' OR '1'='1",
  '" OR ""="',
  "$1 $2 :name ?1 @p %s %% #{x} {{x}} $tag$ E'\\x41' \\",
  "{a,b} {\"a\",NULL} (1,2) NULL null '' ",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  CONTROLS,
  "line\r\nfeed\u2028\u2029\u0085",
  "\u202Ereversed\u202C\u200F \u200B\uFEFF",
  "😀👩‍👩‍👧‍👦 é e\u0301 ß ẞ İ ı 漢字",
  "k".repeat(255),
  "漢".repeat(255),
  " leading and trailing ",
  "CASE",
  "case",
];

/** Guarantees 23 and 24: a failing call is an answer, and text is only ever data. */
export const hostileCases: readonly StoreCase[] = [
  {
    guarantee: 23,
    name: "calls on an unknown operation come back as answers",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const unknown = { ...claimOf("unknown"), fence: 1 };
      const work = inserting(bench, "row", { write: recordWrite("reserve"), value: 1 });
      assert.equal(answered(await store.renew(unknown, 1_000)), "stale");
      assert.equal(answered(await store.settle(unknown, settlementOf())), "stale");
      assert.equal(answered(await store.transact(unknown, work)).kind, "refused");
      assert.equal(await bench.userRows.count(), 0);
      assert.equal(answered(await store.read(unknown.id)), undefined);
      assert.deepEqual(answered(await store.messages(unknown.id)), []);
      assert.deepEqual(answered(await store.list({ limit: 10 })), []);
    },
  },
  {
    guarantee: 23,
    name: "text that a database cannot hold is refused by an answer, or comes back whole",
    async run({ store }) {
      for (const [index, text] of ["nul\0", "half \ud800 of a pair"].entries()) {
        const { record } = await claimed(store, claimOf(`k-${index}`));
        const waiting = { state: "waiting", dueInMs: 0, countAttempt: true } as const;
        const message = { topic: text, key: text, payload: bytes("1") };
        const answers: readonly Answer<unknown>[] = [
          await store.claim(claimOf(`t-${index}`, { scope: text, name: text, key: text })),
          await store.begin(record, sendOf(text, { inputDigest: text, providerKey: text })),
          await store.list({ limit: 10, scope: text, name: text }),
          await store.settle(record, { ...settlementOf({ reference: text }), messages: [message] }),
          await store.suspend(record, { ...waiting, error: text }),
        ];
        for (const answer of answers) assert.notEqual(answer.kind, "not-known");
        assert.ok((await recordOf(store, record.id)).fence === 1);
      }
    },
  },
  {
    guarantee: 23,
    name: "a callback that returns nothing, or later than it may, comes back as an answer",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const late = async (tx: unknown): Promise<never> => {
        await bench.userRows.insert(tx, "row");
        return undefined as never;
      };
      const nothing = (): never => undefined as never;
      const atomic = claimOf("atomic", { form: "atomic" });
      for (const work of [late, nothing]) {
        const one = await store.transact(record, work);
        assert.ok(one.kind !== "ok" || one.value.kind === "threw");
        const two = await store.atomic(atomic, work);
        assert.ok(two.kind !== "ok" || two.value.kind === "threw");
      }
      assert.equal(await bench.userRows.count(), 0);
      assertSame(await recordOf(store, record.id), record);
      assert.equal(answered(await store.read(atomic.id)), undefined);
      assert.equal(answered(await store.settle(record, settlementOf())), "done");
    },
  },
  {
    guarantee: 24,
    name: "hostile scopes, keys and names are data, and each is an operation of its own",
    async run({ store }) {
      const requests = HOSTILE.map((text) =>
        claimOf(text, { scope: text, name: text, recipe: JSON.stringify([1, text]) }),
      );
      for (const request of requests) await claimed(store, request);
      for (const [index, request] of requests.entries()) {
        const text = HOSTILE[index];
        const record = await recordOf(store, request.id);
        assert.equal(record.request?.scope, text);
        assert.equal(record.request?.key, text);
        assert.equal(record.name, text);
        assert.equal(record.recipe, request.recipe);
        for (const filter of [{ scope: request.scope }, { name: request.name }]) {
          const found = answered(await store.list({ limit: 100, ...filter }));
          assert.deepEqual(
            found.map((entry) => entry.record.id),
            [request.id],
          );
        }
      }
      assert.equal(answered(await store.list({ limit: 100 })).length, HOSTILE.length);
    },
  },
  {
    guarantee: 24,
    name: "hostile errors, step names, provider keys, references and headers are data",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: first } = await claimed(store, claimOf("k"));
      for (const text of HOSTILE) {
        const step = sendOf(text, { inputDigest: text, providerKey: text });
        assert.equal(answered(await store.begin(first, step)), "done");
        const result = { kind: "succeeded", value: bytes(text) } as const;
        assert.equal(answered(await store.record(first, text, result)), "done");
      }
      const error = HOSTILE.join("|");
      const waiting = { state: "waiting", dueInMs: 0, countAttempt: true, error } as const;
      answered(await store.suspend(first, waiting));
      const { record } = await takenOver(bench, await recordOf(store, first.id));
      assert.equal(record.lastError, error);
      assert.equal(record.steps.length, HOSTILE.length);
      for (const text of HOSTILE) {
        const step = record.steps.find(({ name }) => name === text);
        assert.equal(step?.inputDigest, text);
        assert.equal(step?.effect?.providerKey, text);
        assertBytes(step?.result?.value, bytes(text));
      }
      const headers = HOSTILE.map((text, index) => [`x-${index}`, text] as const);
      const settlement = settlementOf({ reference: error, headers, body: bytes(error) });
      assert.equal(answered(await store.settle(record, settlement)), "done");
      const { outcome } = await recordOf(store, record.id);
      assert.equal(outcome?.reference, error);
      assert.deepEqual(outcome?.response?.headers, headers);
      assertBytes(outcome?.response?.body, bytes(error));
    },
  },
  {
    guarantee: 24,
    name: "hostile topics, message keys and namespaces are data",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      const messages = HOSTILE.map((text) => ({ topic: text, key: text, payload: bytes(text) }));
      assert.equal(answered(await store.settle(record, { ...settlementOf(), messages })), "done");
      const staged = answered(await store.messages(record.id));
      assert.deepEqual(
        staged.map(({ topic }) => topic),
        HOSTILE,
      );
      assert.deepEqual(
        staged.map(({ key }) => key),
        HOSTILE,
      );
      for (const [index, { payload }] of staged.entries())
        assertBytes(payload, bytes(HOSTILE[index] ?? ""));
      const [name = ""] = HOSTILE;
      assert.equal(answered(await store.namespace(name)), name);
      assert.equal(answered(await store.namespace("another")), name);
    },
  },
];
