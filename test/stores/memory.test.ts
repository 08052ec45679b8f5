import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  type MemoryStore,
  type MemoryTransaction,
  memoryStore,
} from "../../src/stores/memory/store.ts";
import { type StoreBench, storeCases } from "../../src/verify/store.ts";
import { runStoreCases } from "./run.ts";

runStoreCases("memory", openBench);

test("every guarantee of the contract has a case of its number", () => {
  const contract = ["store.ts", "store/inbox.ts", "store/outbox.ts"]
    .map((path) => readFileSync(new URL(`../../src/${path}`, import.meta.url), "utf8"))
    .join("\n");
  const promised = [...contract.matchAll(/^ \* +(\d+)\. /gm)]
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
  assert.ok(promised.length > 0);
  assert.deepEqual([...new Set(storeCases.map(({ guarantee }) => guarantee))], promised);
});

function openBench(): StoreBench<MemoryTransaction> {
  const skew = { ms: 0 };
  const store: MemoryStore = memoryStore({
    skew,
    write: (tx, { values: [id] }) => tx.table("orders").insert(String(id), id),
  });
  return {
    store,
    advance(ms) {
      skew.ms += ms;
    },
    // Memory has one process and one object; its handles are the same one.
    again: () => store,
    changeLineage: () => store.checkpoint()(),
    userRows: {
      insert: (tx, id) => tx.table<string>("orders").insert(id, id),
      statement: (id) => ({ text: "insert an order", values: [id] }),
      count: () => store.table("orders").values().length,
    },
    lacks: {
      transactions: "a memory transaction cannot be ended from inside its callback",
      unmigrated: "maps need no tables",
    },
    close: () => store.close(),
  };
}
