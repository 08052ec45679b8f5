import { postgresStore } from "../../src/stores/postgres/store.ts";
import { claimOf } from "../../src/verify/cases/sample.ts";
import { quietPool } from "./postgres-bench.ts";

/** A process that migrates, claims every key and prints the ones that it won. */
const [url = "", count = "0", name = ""] = process.argv.slice(2);
const pool = quietPool(url);
const store = postgresStore(pool);
await store.migrate();
const keys = Array.from({ length: Number(count) }, (_, index) => `raced-${index}`);
const answers = await Promise.all(
  keys.map((key) => store.claim(claimOf(key, { attemptId: `${name}-${key}` }))),
);
const won = keys.filter((_, index) => {
  const answer = answers[index];
  return answer?.kind === "ok" && answer.value.kind === "claimed";
});
process.stdout.write(JSON.stringify(won));
await store.close();
await pool.end();
