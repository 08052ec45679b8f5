import assert from "node:assert/strict";
import { test } from "node:test";
import { playAll, TRAFFICS } from "./campaign.ts";

const HISTORIES = 300;

for (const [name, traffic] of Object.entries(TRAFFICS))
  test(`late, repeated and reordered events end in the right state: ${name}`, async () => {
    const first = Number(process.env["NEVERTWICE_SEED"] ?? 1);
    const { broken, wrong, doubled, deliveries, events } = await playAll(traffic, first, HISTORIES);
    const again = `npm run prove -- traffic --seed ${broken} --histories 1`;
    assert.equal(broken, undefined, `${wrong} wrong, ${doubled} doubled; repeat with: ${again}`);
    assert.ok(deliveries > events * 1.1, "the deliveries were not repeated");
  });
