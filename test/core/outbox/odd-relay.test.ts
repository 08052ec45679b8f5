import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { declined, notExecuted, type RelayOptions, type Send } from "../../../src/index.ts";
import { ground } from "../inbox/ground.ts";

/** What became of one message, and what is known of it, after one pass. */
async function relayed(send: Send, options: RelayOptions = {}) {
  const here = ground();
  const once = here.process();
  once.relay("mail", send, options);
  const staged = once.atomic("stage", {
    input: z.object({}),
    handler: (op) => {
      op.stage("mail", {});
      return {};
    },
  });
  await staged.run({ scope: "a", key: "k", input: {} });
  await once.worker.runOnce();
  const list = await here.store.outbox.list({ topic: "mail", limit: 1 });
  assert.ok(list.kind === "ok" && list.value[0] !== undefined);
  return list.value[0];
}

const lost = () => {
  throw new Error("No answer came.");
};

for (const [what, judge] of [
  ["throws", lost],
  ["gives nothing", () => undefined],
  ["gives a word", () => "not-executed"],
] as const)
  test(`a judge that ${what} has judged nothing: the message is in doubt, not sent and not lost`, async () => {
    const { state, error } = await relayed(lost, { judge: judge as never });
    assert.equal(state, "in_doubt");
    assert.match(error ?? "", /No answer came/);
  });

for (const [what, reference] of [
  ["throws", lost],
  ["gives an object", () => ({ id: 1 })],
  ["gives what no database keeps", () => "a\0b"],
] as const)
  test(`a message has arrived, although its reference ${what}`, async () => {
    const { state } = await relayed(() => ({ id: 1 }), { reference: reference as never });
    assert.equal(state, "sent");
  });

test("a refusal that cannot be written down is one all the same", async () => {
  const { state, error } = await relayed(() => declined({ left: 1n }));
  assert.equal(state, "dead");
  assert.match(error ?? "", /^It was refused: /);
});

for (const wait of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0])
  test(`a wait that is no time puts the message off as if none had been asked for: ${wait}`, async () => {
    const { state } = await relayed(() => notExecuted("The status was 429.", wait));
    assert.equal(state, "waiting");
  });
