import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../../src/stores/postgres/client.ts";
import { toEvidences, toMessages, toSnapshots } from "../../src/stores/postgres/documents.ts";
import { reads } from "../../src/stores/postgres/reads.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import { answered } from "../../src/verify/cases/sample.ts";
import { planned } from "./postgres-planned.ts";

/** The reads of a server that answers these, by a part of what it is asked. */
function opened(answers: Readonly<Record<string, () => readonly Row[]>>) {
  const asked: string[] = [];
  const answer = async (sql: string): Promise<readonly Row[]> => {
    const part = Object.keys(answers).find((each) => sql.includes(each));
    if (part === undefined) return [["answer"]];
    asked.push(part);
    return answers[part]?.() ?? [];
  };
  const { db } = planned({ query: answer });
  return { asked, store: reads(db, tableNames("nevertwice_"), { ms: 0 }) };
}

const fails = (): never => {
  throw Object.assign(new Error("A rule."), { code: "23505" });
};

test("the first look at a namespace remembers the database's history, once it can", async () => {
  const lineage = [fails, () => [[null]], fails];
  let [isBroken, looks] = [true, 0];
  const { asked, store } = opened({
    lineage: () => lineage[looks++]?.() ?? fails(),
    namespace: () => (isBroken ? fails() : [["shop"]]),
  });
  assert.equal((await store.namespace("shop")).kind, "not-applied");
  assert.deepEqual(asked, ["namespace"], "a database that did not answer is asked nothing more");
  isBroken = false;
  for (let i = 0; i < 4; i += 1) assert.equal(answered(await store.namespace("shop")), "shop");
  assert.deepEqual(asked.slice(1), [
    ...["namespace", "lineage", "namespace", "lineage"],
    ...["namespace", "namespace"],
  ]);
});

test("a step is named by its operation and its name, or not at all", async () => {
  const stepOf = async (rows: readonly Row[]) =>
    answered(await opened({ SELECT: () => rows }).store.stepOf({ providerKey: "p" }));
  assert.deepEqual(await stepOf([["id", "charge"]]), { id: "id", step: "charge" });
  for (const rows of [[], [["id", null]], [[null, "charge"]]])
    assert.equal(await stepOf(rows), undefined);
});

test("a history that never changed has no time of a change", async () => {
  const changedAt = async (rows: readonly Row[]): Promise<unknown> => {
    const { lineage } = opened({ lineage: () => rows }).store;
    assert.ok(lineage);
    return answered(await lineage()).changedAt;
  };
  assert.equal(await changedAt([["1700000000000.5"]]), 1_700_000_000_000.5);
  for (const rows of [[[null]], []]) assert.equal(await changedAt(rows), undefined);
});

test("a row whose operation was pruned meanwhile is left out of a list", () => {
  assert.deepEqual(toSnapshots([[null], []]), []);
  assert.deepEqual(toEvidences([[null], []]), []);
  assert.deepEqual(toMessages([[null], []]), []);
});
