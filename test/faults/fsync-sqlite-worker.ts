import { rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { claimOf, settlementOf } from "../../src/verify/cases/sample.ts";

/** A process whose fsync fails while the trigger is there; says how each call was answered. */
export interface Said {
  readonly key: string;
  /** Whether fsync failed during the call. */
  readonly failing: boolean;
  readonly kind: string;
  /** What a call that was answered said. */
  readonly value: string | undefined;
  readonly error: string | undefined;
}

const [path = "", trigger = "", count = "0"] = process.argv.slice(2);
const db = new DatabaseSync(path);
const store = sqliteStore(db);
await store.migrate();
db.exec("CREATE TABLE IF NOT EXISTS orders (id TEXT)");

async function order(key: string, failing: boolean): Promise<void> {
  if (failing) writeFileSync(trigger, "");
  const answer = await store.atomic(claimOf(key, { form: "atomic" }), (tx) => {
    tx.prepare("INSERT INTO orders (id) VALUES (@id)").run({ id: key });
    return { settlement: settlementOf(), value: key };
  });
  rmSync(trigger, { force: true });
  const said: Said = {
    ...{ key, failing, kind: answer.kind },
    value: answer.kind === "ok" ? answer.value.kind : undefined,
    error: answer.kind === "ok" ? undefined : String(answer.error),
  };
  process.send?.(said);
}

/** Every third is disturbed, and asked for again when all is well. */
for (let number = 0; number < Number(count); number += 1) {
  await order(`k-${number}`, number % 3 === 1);
  if (number % 6 === 4) await order(`k-${number}`, false);
}
process.disconnect();
// Without closing the file: what is not in it now is lost.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
