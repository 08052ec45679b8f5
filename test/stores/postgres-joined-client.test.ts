import assert from "node:assert/strict";
import { test } from "node:test";
import { CompiledQuery } from "kysely";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { guarded } from "../../src/stores/postgres/answers.ts";
import { idCell } from "../../src/stores/postgres/calls.ts";
import { selecting, speakerOf } from "../../src/stores/postgres/joined-client.ts";

const ASKING = selecting("answer()", "proof()");
const FOUND = [{ answer: "done", transaction: 7 }];

test("a library is asked for a row by the names of its columns", async () => {
  assert.equal(ASKING, "SELECT answer() AS answer, proof() AS transaction");
  for (const result of [FOUND, { rows: FOUND }])
    assert.deepEqual(await speakerOf({ query: async () => result })(ASKING), ["done", "7"]);
  for (const result of [undefined, {}, { rows: 7 }, [], [null], ["done"], { rows: [undefined] }])
    assert.deepEqual(await speakerOf({ execute: async () => result })(ASKING), []);
});

test("Kysely is given what its own raw query would be", async () => {
  const given: unknown[] = [];
  const tx = { executeQuery: async (query: unknown) => void given.push(query) };
  await speakerOf(tx)(ASKING);
  const { queryId, ...own } = CompiledQuery.raw(ASKING);
  const [{ queryId: id, ...query }] = given as [{ queryId: object }];
  assert.deepEqual(query, own);
  assert.equal(typeof id, typeof queryId);
});

test("Prisma is asked for rows by one method, and for none by another", async () => {
  const calls: string[] = [];
  const tx = {
    $queryRawUnsafe: async () => {
      calls.push("query");
      return FOUND;
    },
    $executeRawUnsafe: async () => calls.push("execute"),
  };
  assert.deepEqual(await speakerOf(tx)(ASKING), ["done", "7"]);
  assert.deepEqual(await speakerOf(tx)("SAVEPOINT here"), []);
  assert.deepEqual(calls, ["query", "execute"]);
});

test("a method is called as one of its own transaction", async () => {
  class Transaction {
    readonly #rows = FOUND;
    async unsafe(): Promise<object[]> {
      return this.#rows;
    }
  }
  assert.deepEqual(await speakerOf(new Transaction())(ASKING), ["done", "7"]);
});

test("what runs no statements is no transaction", () => {
  for (const other of [undefined, null, {}, 7, { query: "SELECT 1" }])
    assert.throws(
      () => speakerOf(other),
      (error) => isNevertwiceError(error, "option-invalid"),
    );
});

test("an argument that cannot be sent was not applied, and would not be again", async () => {
  for (const id of ["", "a".repeat(63), "a".repeat(65), "A".repeat(64), `${"a".repeat(64)}\n`]) {
    const answer = await guarded(async () => ({ kind: "ok", value: idCell(id) }));
    assert.ok(answer.kind === "not-applied" && !answer.again);
    assert.ok(answer.error instanceof TypeError);
  }
});
