import assert from "node:assert/strict";
import type { OperationStore } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import { answered } from "./sample.ts";

const DAY_MS = 86_400_000;

async function changedAt(store: OperationStore): Promise<number | undefined> {
  assert.ok(store.lineage, "The store cannot tell its lineage.");
  return answered(await store.lineage()).changedAt;
}

async function changed(store: OperationStore): Promise<number> {
  const at = await changedAt(store);
  assert.ok(at !== undefined, "The change went unnoticed.");
  return at;
}

async function isStillTheSame({ store, advance, again }: StoreBench): Promise<void> {
  const other = (await again?.()) ?? store;
  answered(await store.namespace("shop"));
  for (const each of [store, other, store]) {
    assert.equal(await changedAt(each), undefined);
    await advance(DAY_MS);
  }
}

async function isNoticedOnce(bench: StoreBench): Promise<void> {
  const { store, advance } = bench;
  const other = (await bench.again?.()) ?? store;
  assert.equal(await changedAt(store), undefined);
  await bench.changeLineage?.();
  await advance(DAY_MS);
  const first = await changed(store);
  await advance(DAY_MS);
  answered(await other.namespace("shop"));
  assert.deepEqual([await changedAt(other), await changedAt(store)], [first, first]);
  await bench.changeLineage?.();
  const second = await changed(other);
  assert.ok(second >= first + DAY_MS, "A later change replaces the earlier one.");
  assert.equal(await changedAt(store), second);
}

async function isNoticedByAll(bench: StoreBench): Promise<void> {
  const { store } = bench;
  const other = (await bench.again?.()) ?? store;
  assert.equal(await changedAt(store), undefined);
  await bench.changeLineage?.();
  const crowd = [store, other, store, other];
  const times = await Promise.all(crowd.map((each) => changed(each)));
  assert.equal(new Set(times).size, 1);
}

/** Whether the history of the database is still the one that it was. */
export const lineageCases: readonly StoreCase[] = [
  {
    guarantee: 31,
    name: "a history without a change has none, whoever asks",
    needs: ["lineage"],
    run: isStillTheSame,
  },
  {
    guarantee: 31,
    name: "a change is noticed once and remembered until the next one",
    needs: ["lineage", "skew"],
    run: isNoticedOnce,
  },
  {
    guarantee: 31,
    name: "a change that many notice at once has one time",
    needs: ["lineage"],
    run: isNoticedByAll,
  },
];
