import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { FAULT_NAMES } from "../../src/sandbox/faults.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { SETTING_NAMES } from "../../src/sandbox/settings.ts";
import { readPage, sectionOf } from "../docs/pages.ts";
import { acme, acmeProvider, fault, ledger } from "./acme.ts";
import { directoryOf, post } from "./sandbox.ts";

test("settings are made at the start too", async (context) => {
  const file = join(await directoryOf(context), "acme.db");
  const providers = [acmeProvider({})];
  const settings = { retentionMs: 0 };
  const sandbox = await startSandbox({ file, port: 0, providers, settings });
  context.after(() => sandbox.close());
  const pay = (): Promise<Response> => post(`${sandbox.url}/acme/payments`, { amount: 5 }, "k");
  for (const replayed of ["false", "false"])
    assert.equal((await pay()).headers.get("x-replayed"), replayed);
  assert.equal((await ledger(sandbox.url)).length, 2);
});

test("a search does not show what is younger than its lag", async (context) => {
  const { url, pay } = await acme(context);
  const found = async (): Promise<number> =>
    ((await (await fetch(`${url}/acme/payments`)).json()) as unknown[]).length;
  await post(`${url}/sandbox/settings`, { indexLagMs: 60_000 });
  await pay("k");
  assert.equal(await found(), 0);
  await post(`${url}/sandbox/clock`, { advanceMs: 60_000 });
  assert.equal(await found(), 1);
});

test("faults are aimed at a provider and at an endpoint", async (context) => {
  const { url, pay } = await acme(context);
  const order = (body: unknown): Promise<Response> => post(`${url}/sandbox/faults`, body);
  await order({ next: ["decline"], endpoint: "POST /payments/:id/close" });
  await order({ next: ["429"], endpoint: "GET /payments" });
  assert.equal((await pay("a")).status, 201);
  assert.equal((await fetch(`${url}/acme/payments`)).status, 409);
  assert.equal((await fetch(`${url}/acme/payments`)).status, 200);
  await order({ next: ["decline"], provider: "acme" });
  assert.equal((await fetch(`${url}/acme/payments`)).status, 200);
  assert.equal((await pay("b")).status, 402);
  const left = (await (await fetch(`${url}/sandbox/faults`)).json()) as unknown;
  assert.deepEqual(left, {
    next: [{ fault: "decline", endpoint: "POST /payments/:id/close" }],
    chances: [],
  });
  for (const wrong of [
    { next: ["decline"], provider: "nobody" },
    { next: ["decline"], endpoint: "payments" },
    { probability: 2, faults: ["decline"] },
    { probability: 0.5 },
    { probability: 0.5, faults: ["decline"], seed: -1 },
  ])
    assert.equal((await order(wrong)).status, 400, JSON.stringify(wrong));
});

test("a body is JSON although curl calls it a form", async (context) => {
  const { url, pay } = await acme(context);
  const response = await fetch(`${url}/sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: JSON.stringify({ next: ["decline"] }),
  });
  assert.equal(response.status, 200);
  assert.equal((await pay()).status, 402);
});

test("faults by chance are those of the seed, in each run", async (context) => {
  const run = async (seed: number): Promise<number[]> => {
    const { url, pay } = await acme(context);
    await post(`${url}/sandbox/faults`, { probability: 0.5, faults: ["decline", "429"], seed });
    const statuses: number[] = [];
    for (let call = 0; call < 24; call += 1) statuses.push((await pay()).status);
    return statuses;
  };
  const first = await run(7);
  assert.deepEqual(await run(7), first);
  assert.notDeepEqual(await run(8), first);
  assert.deepEqual(new Set(first), new Set([201, 402, 409]));
});

test("late: the client gets no answer, and the charge is made afterwards", async (context) => {
  const { url, pay } = await acme(context);
  await fault(url, "late:40");
  const patience = new AbortController();
  const gaveUp = fetch(`${url}/acme/payments`, {
    method: "POST",
    headers: { "idempotency-key": "k" },
    body: JSON.stringify({ amount: 5 }),
    signal: patience.signal,
  });
  const queued = async (): Promise<string> => await (await fetch(`${url}/faults`)).text();
  while ((await queued()).includes("late")) await new Promise(setImmediate);
  patience.abort();
  await assert.rejects(gaveUp);
  while ((await ledger(url)).length === 0) await new Promise(setImmediate);
  assert.equal((await pay("k")).headers.get("x-replayed"), "true");
  assert.equal((await ledger(url)).length, 1);
});

test("a seed makes the ids, and a restart on the same file makes new ones", async (context) => {
  const ids = async (file: string): Promise<string[]> => {
    const sandbox = await startSandbox({ file, port: 0, seed: 3, providers: [acmeProvider({})] });
    for (let call = 0; call < 2; call += 1)
      await post(`${sandbox.url}/acme/payments`, { amount: 5 });
    const entries = await ledger(sandbox.url);
    await sandbox.close();
    return entries.map(({ id }) => id);
  };
  const directory = await directoryOf(context);
  const first = await ids(join(directory, "a.db"));
  assert.deepEqual(await ids(join(directory, "b.db")), first);
  const more = await ids(join(directory, "a.db"));
  assert.equal(new Set(more).size, 4);
  assert.deepEqual(more.slice(0, 2), first);
});

test("the sandbox's own routes refuse what they do not understand, and reset forgets all", async (context) => {
  const { url, pay } = await acme(context);
  for (const [path, body] of [
    ["clock", { advanceMs: -1 }],
    ["clock", {}],
    ["settings", { indexLagMs: "soon" }],
    ["settings", { offset: 5 }],
    ["settings", { indexLagMs: 5, provider: "nobody" }],
    ["settings", []],
    ["clock", "{"],
  ] as const)
    assert.equal((await post(`${url}/sandbox/${path}`, body)).status, 400, JSON.stringify(body));
  assert.equal((await fetch(`${url}/sandbox/nothing`)).status, 404);
  const nowhere = await fetch(`${url}/nowhere`);
  assert.equal(nowhere.status, 404);
  assert.match(await nowhere.text(), /\/acme/);
  await pay("k");
  await post(`${url}/sandbox/reset`, {});
  assert.deepEqual(await ledger(url), []);
  assert.equal((await pay("k")).headers.get("x-replayed"), "false");
});

test("the page lists every fault and every setting, and no other", () => {
  const page = readPage("docs/reference/sandbox.md");
  const listed = (heading: string, column: string): string[] => {
    const [, table = ""] = sectionOf(page, heading).split(column);
    return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
  };
  assert.deepEqual(listed("Faults", "| fault |").toSorted(), FAULT_NAMES.toSorted());
  assert.deepEqual(listed("Clock and settings", "| setting |"), [...SETTING_NAMES]);
});
