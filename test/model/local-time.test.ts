import assert from "node:assert/strict";
import { after, test } from "node:test";
import { localTime } from "../../src/model/clock.ts";
import { inZone } from "../zone.ts";

const { TZ: ZONE } = process.env;
after(() => inZone(ZONE));

test("an instant is said in the process's zone, with its offset of that day", () => {
  const summer = new Date(Date.UTC(2026, 6, 1, 0, 30, 15, 7));
  const winter = new Date(Date.UTC(2026, 0, 1, 0, 30));
  for (const [zone, ...texts] of [
    ["UTC", "2026-07-01T00:30:15.007+00:00", "2026-01-01T00:30:00.000+00:00"],
    ["America/St_Johns", "2026-06-30T22:00:15.007-02:30", "2025-12-31T21:00:00.000-03:30"],
    ["Europe/Berlin", "2026-07-01T02:30:15.007+02:00", "2026-01-01T01:30:00.000+01:00"],
    ["Asia/Kathmandu", "2026-07-01T06:15:15.007+05:45", "2026-01-01T06:15:00.000+05:45"],
  ] as const) {
    inZone(zone);
    assert.deepEqual([summer, winter].map(localTime), texts, zone);
  }
});
