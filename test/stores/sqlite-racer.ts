import { DatabaseSync } from "node:sqlite";
import type { OperationStore } from "../../src/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { claimOf, settlementOf } from "../../src/verify/cases/sample.ts";

/** What the parent asks of this process. */
export interface RaceOrder {
  readonly calls: number;
  /** The keys are these names and a number below `keys`. */
  readonly name: string;
  readonly keys: number;
  readonly settle: boolean;
}

/** What it hears back: how every call was answered, and which keys were claimed here. */
export interface RaceReport {
  readonly answers: Readonly<Record<string, number>>;
  readonly claimed: readonly string[];
}

const [, , path = ""] = process.argv;
const db = new DatabaseSync(path);
const store = sqliteStore(db);

process.on("message", async (order: RaceOrder) => {
  const answers: Record<string, number> = {};
  const claimed: string[] = [];
  await Promise.all(
    Array.from({ length: order.calls }, async (_, index) => {
      const key = `${order.name}-${index % order.keys}`;
      const answer = await run(store, key, `attempt-${process.pid}-${index}`, order.settle);
      answers[answer] = (answers[answer] ?? 0) + 1;
      if (answer === "claimed") claimed.push(key);
    }),
  );
  process.send?.({ answers, claimed } satisfies RaceReport);
});
process.on("disconnect", () => db.close());
process.send?.("ready");

async function run(
  racer: OperationStore<DatabaseSync, "sync">,
  key: string,
  attemptId: string,
  settles: boolean,
): Promise<string> {
  const answer = await racer.claim(claimOf(key, { attemptId }));
  if (answer.kind !== "ok") return answer.kind;
  if (answer.value.kind !== "claimed" || !settles) return answer.value.kind;
  const settled = await racer.settle(answer.value.snapshot.record, settlementOf());
  return settled.kind === "ok" && settled.value === "done" ? "claimed" : settled.kind;
}
