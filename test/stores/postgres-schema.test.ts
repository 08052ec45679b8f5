import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after } from "node:test";
import { promisify } from "node:util";
import { EVENT_ROUTES, EVENT_STATES } from "../../src/model/event.ts";
import { EVIDENCE_SOURCES } from "../../src/model/evidence.ts";
import { MESSAGE_STATES } from "../../src/model/message.ts";
import { DOUBTS, FORMS, isFinal, STATES, TRANSITIONS } from "../../src/model/operation.ts";
import { RESULT_KINDS, VERDICTS } from "../../src/model/step.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimed, claimOf } from "../../src/verify/cases/sample.ts";
import { createDatabase, over, quietPool, stopServer } from "./postgres-bench.ts";

after(stopServer);

over("the trigger allows what the table of transitions allows", async ({ pool, store }) => {
  const columns = (state: string): string =>
    [
      `state = '${state}'`,
      `lease_until = ${state === "running" ? "now()" : "NULL"}`,
      "owner = NULL",
      "missed_at = NULL",
      `run_until = ${state === "running" ? "now()" : "NULL"}`,
      `final_at = ${isFinal(state as "running") ? "now()" : "NULL"}`,
      `outcome_status = ${isFinal(state as "running") ? "200" : "NULL"}`,
    ].join(", ");
  for (const from of STATES)
    for (const to of STATES) {
      const { record } = await claimed(store, claimOf(`${from}-${to}`));
      const set = (state: string): Promise<unknown> =>
        pool.query(
          `UPDATE nevertwice_operation SET ${columns(state)} WHERE id = decode($1, 'hex')`,
          [record.id],
        );
      await set(from);
      if (TRANSITIONS[from].includes(to)) await set(to);
      else await assert.rejects(set(to), { code: "NT004" }, `${from} to ${to}`);
      const forget = pool.query("DELETE FROM nevertwice_operation WHERE id = decode($1, 'hex')", [
        record.id,
      ]);
      const now = TRANSITIONS[from].includes(to) ? to : from;
      if (isFinal(now)) await forget;
      else await assert.rejects(forget, { code: "NT004" });
    }
});

over("two processes that migrate and claim at once share the keys", async ({ url }) => {
  const race = async (name: string): Promise<string[]> => {
    const racer = new URL("./postgres-racer.ts", import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...["--conditions=source", racer, url, "200", name],
    ]);
    return JSON.parse(stdout) as string[];
  };
  const [one = [], two = []] = await Promise.all([race("one"), race("two")]);
  assert.equal(new Set([...one, ...two]).size, 200);
  assert.equal(one.length + two.length, 200);
});

over("schema() is what migrate() does", async ({ store }) => {
  const database = await createDatabase();
  const pool = quietPool(database.url);
  await pool.query(store.schema());
  const other = postgresStore(pool);
  assert.deepEqual(await other.migrate(), []);
  await claimed(other, claimOf("k"));
  await other.close();
  await pool.end();
  await database.drop();
});

over("the types are the lists of the model", async ({ pool }) => {
  const enumerations = {
    ...{ state: STATES, form: FORMS, doubt: DOUBTS, message_state: MESSAGE_STATES },
    ...{ event_state: EVENT_STATES, event_route: EVENT_ROUTES },
  };
  const domains = {
    ...{ verdict: VERDICTS, result_kind: RESULT_KINDS, evidence_source: EVIDENCE_SOURCES },
  };
  const compare = async (
    lists: Readonly<Record<string, readonly [string, ...string[]]>>,
    code: string,
  ): Promise<void> => {
    for (const [type, values] of Object.entries(lists)) {
      const cast = (value: string): Promise<unknown> =>
        pool.query(`SELECT $1::text::nevertwice_${type}`, [value]);
      for (const value of values) await cast(value);
      for (const value of ["other", "", values[0].toUpperCase()])
        await assert.rejects(cast(value), { code }, `${type} ${value}`);
    }
  };
  await compare(enumerations, "22P02");
  await compare(domains, "23514");
});

over("evidence is fixed in SQL", async ({ pool, store }) => {
  const { record } = await claimed(store, claimOf("k"));
  answered(await store.note(record.id, { step: "charge", source: "webhook", finding: "executed" }));
  const forged = pool.query("UPDATE nevertwice_evidence SET finding = 'not-executed'");
  await assert.rejects(forged, { code: "NT004" });
  assert.equal(answered(await store.evidence(record.id))[0]?.finding, "executed");
});
