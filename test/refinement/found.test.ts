import assert from "node:assert/strict";
import { after } from "node:test";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { eventOf, taken } from "../../src/verify/cases/inbox-sample.ts";
import { answered, claimed, claimOf, LEASE_MS } from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "../stores/postgres-bench.ts";

after(stopServer);

const NAMED = "SELECT owner FROM nevertwice_operation WHERE owner IS NOT NULL";
const skew = { ms: 0 };

over(
  "a step that is stale leaves its living claim its owner",
  async ({ store, pool, url }) => {
    const { record } = await claimed(store, claimOf("k"));
    while ((await pool.query(NAMED)).rowCount === 0) await pool.query("SELECT pg_sleep(0.01)");
    const end = { kind: "unanswered" } as const;
    assert.equal(answered(await store.record(record, "never begun", end)), "stale");
    // The connection with the owner's sign would be given back without being waited for.
    await pool.query("SELECT pg_sleep(0.2)");
    // Heartbeats are missed from half of the lease on.
    skew.ms = (LEASE_MS * 3) / 4;
    const other = quietPool(url);
    try {
      const { id, fence } = record;
      const request = { id, fence, attemptId: "b", leaseMs: 1_000, runForMs: 1_000 };
      const taken = answered(await postgresStore(other, { skew }).takeOver(request));
      assert.equal(taken.kind, "stale", "its lease has not lapsed, and its process lives");
      const read = answered(await store.read(id));
      assert.ok((read?.record.leaseUntil ?? 0) > (read?.now ?? 0));
    } finally {
      await other.end();
    }
  },
  { store: { skew } },
);

const moved = { ms: 0 };

over(
  "an object is not busy with a claim that kept it, ended its events and lapsed",
  async ({ store }) => {
    const { inbox } = store;
    await taken(store, eventOf("evt_1"));
    const request = { sources: [eventOf("").source], leaseMs: LEASE_MS, limit: 1, eventsMax: 1 };
    const [holder] = answered(await inbox.claim(request));
    assert.ok(holder);
    const ends = holder.events.map(({ number }) => ({ number, kind: "done" }) as const);
    const work = { state: undefined, messages: [], keeps: true, value: 1 };
    assert.equal(answered(await inbox.handle(holder, () => ({ ...work, ends }))).kind, "committed");
    moved.ms = LEASE_MS + 1;
    const handled = await inbox.acceptHandled(eventOf("evt_2"), (_, { number }) => ({
      ...{ ...work, ends: [{ number, kind: "done" }] },
    }));
    assert.equal(answered(handled).kind, "committed");
    const late = { ...work, state: "late", ends: [] };
    assert.equal(answered(await inbox.handle(holder, () => late)).kind, "stale");
  },
  { store: { skew: moved } },
);
