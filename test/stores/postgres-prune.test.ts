import assert from "node:assert/strict";
import { after } from "node:test";
import { pruneStatements, tableNames } from "../../src/stores/postgres/statements.ts";
import { over, stopServer } from "./postgres-bench.ts";

after(stopServer);

const TOMBSTONES = `INSERT INTO nevertwice_operation (id, fence, created_at, final_at, version,
    attempts, outcome_status, pruned, state, form, name, attempt_id, fingerprint, recipe)
  SELECT sha256(i::text::bytea), 1, now() - interval '10 days', now() - interval '10 days', 1,
    1, 200, true, 'succeeded', 'atomic', 'checkout', 'a', '', ''
  FROM generate_series(1, 2000) AS i`;

over("no more keys are locked than tombstones go, whatever the plan", async ({ pool }) => {
  await pool.query(TOMBSTONES);
  const { tombstones } = pruneStatements(tableNames("nevertwice_"));
  const client = await pool.connect();
  try {
    for (const analyze of ["SELECT 1", "ANALYZE nevertwice_operation"]) {
      await client.query(analyze);
      await client.query("BEGIN");
      const { rows } = await client.query(tombstones, ["0", "1000", "10"]);
      assert.deepEqual(rows, [{ count: "10" }]);
      const { rowCount } = await client.query(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
      );
      assert.equal(rowCount, 10);
      await client.query("ROLLBACK");
    }
  } finally {
    client.release();
  }
});
