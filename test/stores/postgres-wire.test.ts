import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createDatabase, openServer, stopServer } from "./postgres-bench.ts";
import { type OpenLab, openLab, tryMethod, wrongsOf } from "./postgres-wire-lab.ts";
import { METHODS } from "./postgres-wire-methods.ts";

const opened = await openServer();
const skip = "skip" in opened ? opened.skip : false;

/** The writes that money depends on; `npm run prove -- wire` tries all methods and all faults. */
const TRIED = [...["begin", "settle", "transact, settle", "atomic", "inbox.handle", "outbox.end"]];

let lab: OpenLab | undefined;
let drop: (() => Promise<void>) | undefined;

after(async () => {
  await lab?.close();
  await drop?.();
  await stopServer();
});

async function theLab(): Promise<OpenLab> {
  if (lab !== undefined) return lab;
  const database = await createDatabase("synchronous_commit = off");
  drop = database.drop;
  lab = await openLab(database.url, "pg");
  return lab;
}

for (const method of METHODS.filter(({ name }) => TRIED.includes(name)))
  test(`H2: ${method.name} survives a cut at every message`, { skip }, async () => {
    const tried = await tryMethod(await theLab(), method, ["cut before", "cut after"]);
    assert.deepEqual(wrongsOf(tried), []);
    const said = new Set(tried.trials.map((trial) => trial.said));
    assert.ok(said.has("not-known"), "some of them cannot be known");
    assert.ok(!said.has("nothing"));
  });
