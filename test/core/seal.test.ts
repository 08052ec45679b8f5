import assert from "node:assert/strict";
import { test } from "node:test";
import { createSealer } from "../../src/core/seal.ts";
import { type EncryptionOptions, ok, systemRandom } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { checkout, Order, provider, stage } from "./stage.ts";

const call = { scope: "acct_1", key: "k1", input: { cartId: "4242424242424242", amount: 1999 } };
const id = recordId("own", "acct_1", "k1");
const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const old: EncryptionOptions = { current: "2025", keys: { "2025": bytes(1) } };
const rotated: EncryptionOptions = {
  current: "2026",
  keys: { "2025": bytes(1), "2026": bytes(2) },
};
const lost: EncryptionOptions = { current: "2026", keys: { "2026": bytes(2) } };

test("sealed bytes open again, differ each time, and hide what they hold", () => {
  const sealer = createSealer(old, systemRandom);
  const text = Buffer.from("4242424242424242");
  const one = sealer.seal("a", "input", text);
  assert.deepEqual(sealer.open("a", "input", one), text);
  assert.notDeepEqual(one, sealer.seal("a", "input", text));
  assert.ok(!Buffer.from(one).includes(text));
});

test("bytes that were moved, altered or cut do not open", () => {
  const sealer = createSealer(old, systemRandom);
  const sealed = sealer.seal("a", "input", Buffer.from("secret"));
  assert.equal(sealer.open("b", "input", sealed), undefined);
  assert.equal(sealer.open("a", "response", sealed), undefined);
  for (let place = 0; place < sealed.length; place += 1) {
    const altered = Uint8Array.from(sealed);
    altered[place] = (altered[place] ?? 0) ^ 1;
    assert.equal(sealer.open("a", "input", altered), undefined, `byte ${place}`);
    assert.equal(
      sealer.open("a", "input", sealed.subarray(0, place)),
      undefined,
      `cut at ${place}`,
    );
  }
});

test("keys rotate: new bytes are sealed with the current key, old ones open with theirs", () => {
  const sealed = createSealer(old, systemRandom).seal("a", "input", Buffer.from("secret"));
  assert.deepEqual(
    createSealer(rotated, systemRandom).open("a", "input", sealed),
    Buffer.from("secret"),
  );
  assert.equal(createSealer(lost, systemRandom).open("a", "input", sealed), undefined);
});

test("nothing that a client sent or got stands in clear in the store", async () => {
  const scene = stage();
  const operation = checkout(scene.process({ encryption: old }), provider());
  assert.equal((await operation.run(call)).kind, "succeeded");
  const read = await scene.store.read(id);
  const messages = await scene.store.messages(id);
  const record = read.kind === "ok" ? read.value?.record : undefined;
  const stored = [
    record?.request?.input,
    record?.outcome?.response?.body,
    ...(record?.steps.map((step) => step.result?.value) ?? []),
    ...(messages.kind === "ok" ? messages.value.map((message) => message.payload) : []),
  ];
  assert.equal(stored.length, 5);
  for (const sealed of stored) {
    const text = Buffer.from(sealed ?? []).toString("latin1");
    assert.ok(text.length > 0);
    assert.doesNotMatch(text, /4242|order|ch_/);
  }
});

test("H26: with its key lost a final operation keeps state, outcome and reference; its response is told as gone", async () => {
  const scene = stage();
  const bank = provider();
  await checkout(scene.process({ encryption: old }), bank).run(call);
  const late = await checkout(scene.process({ encryption: lost }), bank).run(call);
  assert.equal(late.kind, "response-not-replayable");
  assert.equal(bank.sent, 1);
});

test("H26: with its key lost a live operation is in doubt, and nothing is rebuilt and sent", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  await checkout(scene.process({ encryption: old }), bank).run(call);
  scene.advance(1_000);
  const retry = await checkout(scene.process({ encryption: lost }), bank).run(call);
  assert.equal(retry.kind, "in-doubt");
  const read = await scene.store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.doubt, "unreadable");
  assert.equal(bank.sent, 1);
});

test("H26: rotating the encryption key changes no id and no provider key", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  await checkout(scene.process({ encryption: old }), bank).run(call);
  scene.advance(1_000);
  assert.equal(
    (await checkout(scene.process({ encryption: rotated }), bank).run(call)).kind,
    "succeeded",
  );
  assert.equal(bank.charges.size, 1);
});

test("redacted fields are neither stored nor handed on, on the first run and after", async () => {
  const scene = stage();
  const seen: unknown[] = [];
  const operation = scene.process().operation("pay", {
    input: Order.partial(),
    redact: ["cartId"],
    handler: (_op, order) => {
      seen.push(order);
      if (seen.length === 1) throw new Error("again");
      return ok();
    },
  });
  await operation.run(call);
  scene.advance(1_000);
  await operation.run(call);
  assert.deepEqual(seen, [{ amount: 1999 }, { amount: 1999 }]);
  const read = await scene.store.read(id);
  const input = read.kind === "ok" ? read.value?.record.request?.input : undefined;
  assert.doesNotMatch(Buffer.from(input ?? []).toString("latin1"), /4242/);
});

test("clear bytes are refused under encryption, unless rows from before it are still kept", () => {
  const clear = createSealer(undefined, systemRandom).seal("a", "input", Buffer.from("old"));
  assert.equal(createSealer(old, systemRandom).open("a", "input", clear), undefined);
  const accepting = createSealer({ ...old, acceptClear: true }, systemRandom);
  assert.deepEqual(accepting.open("a", "input", clear), Buffer.from("old"));
});

test("an encryption key of the wrong length is refused at once", () => {
  const short = { current: "a", keys: { a: new Uint8Array(16) } };
  assert.throws(() => createSealer(short, systemRandom), /16 bytes instead of 32/);
  assert.throws(() => createSealer({ current: "b", keys: {} }, systemRandom), /no key named "b"/);
});
