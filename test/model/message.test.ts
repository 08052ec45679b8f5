import assert from "node:assert/strict";
import { test } from "node:test";
import { ARRIVED_TOPIC, MESSAGE_STATES, OPEN_MESSAGE_STATES } from "../../src/model/message.ts";

test("a message keeps later ones back until it is sent, or given up", () => {
  const closed = MESSAGE_STATES.filter((state) => !OPEN_MESSAGE_STATES.includes(state));
  assert.deepEqual(closed, ["sent", "dead"]);
  for (const state of OPEN_MESSAGE_STATES) assert.ok(MESSAGE_STATES.includes(state), state);
});

test("what an older version has staged to release events is found by the same topic", () => {
  assert.equal(ARRIVED_TOPIC, "nevertwice.arrived");
});
