import assert from "node:assert/strict";
import { test } from "node:test";
import { orphanDefinition } from "../../src/core/orphan.ts";
import { createSealer } from "../../src/core/seal.ts";
import { type Declined, declined, type Effect, fail, ok, systemRandom } from "../../src/index.ts";
import { decodeJson } from "../../src/model/json.ts";
import { digest } from "../../src/model/key.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  id,
  LATER_MS,
  LEASE_MS,
  named,
  type Process,
  type Scene,
  word,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Back = Effect<unknown, unknown>["send"];

const SEALER = createSealer(undefined, systemRandom);
const told = { ...word, step: "charge", executed: "ch_1", value: { id: "ch_1" } };

/** An operation that fails, and whose effects of these steps can be taken back. */
const declare = (once: Process, steps: Readonly<Record<string, Back>>) =>
  once.operation("pay", {
    input: Order,
    handler: () => fail({}),
    compensations: Object.fromEntries(
      Object.entries(steps).map(([step, send]) => [step, () => ({ send })]),
    ),
  });

/** One that has failed already, and a process that knows how to take its charge back. */
async function failed(send: Back): Promise<{ scene: Scene; once: Process }> {
  const scene = stage();
  const once = scene.process();
  assert.equal((await declare(once, { charge: send }).run(call)).kind, "failed");
  return { scene, once };
}

/** What became of the operation that takes the charge back. */
async function orphanOf({ store }: Scene) {
  const listed = await store.list({ name: "pay.orphan", limit: 10 });
  assert.ok(listed.kind === "ok" && listed.value.length === 1);
  const [{ record } = { record: undefined }] = listed.value;
  const sealed = record?.outcome?.response?.body;
  const body = sealed && SEALER.open(record.id, "response", sealed);
  return {
    key: record?.request?.key,
    form: record?.form,
    state: record?.state,
    body: body && decodeJson(body),
  };
}

for (const [what, send, state, body] of [
  ["done", () => ({ id: "re_1" }), "succeeded", { compensated: true }],
  [
    "declined",
    (): Declined<unknown> => declined({ code: "too_late" }),
    "failed",
    { decline: { code: "too_late" } },
  ],
] as const)
  test(`H20: what was taken back is told in the outcome of its own operation: ${what}`, async () => {
    const { scene, once } = await failed(send);
    assert.equal(await once.settle(named, told), "final");
    const orphan = await orphanOf(scene);
    assert.deepEqual([orphan.state, orphan.body, orphan.form], [state, body, "resumable"]);
  });

for (const reference of ["ch_1", undefined])
  test(`H20: the key of an orphan is made of its record, step and reference: ${reference}`, async () => {
    const scene = stage();
    const charging = (send: ChargeEffect["send"]) =>
      scene.process().operation("pay", {
        input: Order,
        compensations: { charge: () => ({ send: () => ({}) }) },
        handler: async (op) => {
          await op.external("charge", acquirer().effect({ send, reference: () => reference }));
          return fail({});
        },
      });
    const late = charging(async () => {
      scene.advance(LEASE_MS + 1);
      const no = () => declined({ code: "no_funds" });
      assert.equal((await charging(no).run(call)).kind, "failed");
      return { id: "ch_1", status: "captured" };
    });
    assert.equal((await late.run(call)).kind, "failed");
    const part = digest("charge", reference ?? "").toString("hex");
    assert.equal((await orphanOf(scene)).key, `orphan:${id}:${part}`);
  });

test("H20: an orphan whose compensation is no longer declared fails, and tells which it is", async () => {
  const { scene } = await failed(() => ({}));
  const refused = { kind: "not-applied", error: new Error("gone"), again: false } as const;
  const begin: Scene["store"]["begin"] = async () => refused;
  const once = scene.process({ store: { ...scene.store, begin } });
  declare(once, { charge: () => ({}) });
  await once.settle(named, told);
  scene.advance(LATER_MS);
  const later = scene.process();
  declare(later, { fee: () => ({}) });
  await later.worker.runOnce();
  const { state, body } = await orphanOf(scene);
  assert.equal(state, "failed");
  assert.match(JSON.stringify(body), /charge/);
});

test("H20: an operation whose request is gone takes nothing back", async () => {
  const taken: string[] = [];
  const { scene } = await failed(() => ({}));
  const store: Scene["store"] = {
    ...scene.store,
    read: async (of) => {
      const read = await scene.store.read(of);
      if (read.kind !== "ok" || read.value === undefined) return read;
      const { request: _, ...record } = read.value.record;
      return { kind: "ok", value: { ...read.value, record: record as typeof read.value.record } };
    },
  };
  const once = scene.process({ store });
  declare(once, { charge: () => taken.push("charge") });
  assert.equal(await once.settle(named, told), "final");
  assert.deepEqual(taken, []);
});

test("H20: an orphan's operation takes over no rule that speaks of another input", () => {
  const { door } = stage()
    .process()
    .operation("pay", {
      ...{ input: Order, version: 3, fingerprint: ["amount"], redact: ["value"], aliases: ["buy"] },
      ...{ handler: () => ok(), compensations: { charge: () => ({ send: () => ({}) }) } },
    });
  const { handler: _, ...orphan } = orphanDefinition(door.definition);
  assert.deepEqual(orphan, {
    ...{ name: "pay.orphan", version: 1, form: "resumable", redact: [] },
    aliases: ["buy.orphan"],
    ...{ input: undefined, fields: undefined, keysPer: "scope", afterCrash: "rerun" },
    ...{ previous: new Map(), compensations: {} },
  });
});
