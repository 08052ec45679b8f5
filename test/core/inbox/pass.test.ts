import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectClaimRequest } from "../../../src/store/inbox.ts";
import { event, type Ground, ground } from "./ground.ts";

/** A store whose claims of objects are noted, or answered by somebody else. */
function claiming(
  at: Ground,
  requests: ObjectClaimRequest[],
  claim: Ground["store"]["inbox"]["claim"] = at.store.inbox.claim,
): Ground["store"] {
  const inbox: Ground["store"]["inbox"] = {
    ...at.store.inbox,
    claim(request) {
      requests.push(request);
      return claim(request);
    },
  };
  return { ...at.store, inbox };
}

test("objects are held for a minute beyond the slowest reading", async () => {
  const at = ground();
  const requests: ObjectClaimRequest[] = [];
  const once = at.process({ store: claiming(at, requests) });
  once.inbox({ source: "acme" }, {}, { readMs: 7_000 });
  once.inbox({ source: "other" }, {}, { readMs: 3_000 });
  await once.worker.runOnce({ limit: 5 });
  const [request] = requests;
  assert.deepEqual(
    [request?.leaseMs, request?.sources, request?.limit],
    [67_000, ["acme", "other"], 5],
  );
});

test("without an inbox nothing is asked for", async () => {
  const at = ground();
  const requests: ObjectClaimRequest[] = [];
  const once = at.process({ store: claiming(at, requests) });
  const { handling } = await once.worker.runOnce();
  assert.deepEqual(requests, []);
  assert.ok(handling === undefined || handling.objects === 0);
});

test("a store that cannot be asked is told of, with all that waits for it", async () => {
  const at = ground();
  const error = new Error("The connection was reset.");
  const lost = async () => ({ kind: "not-known", error }) as const;
  const once = at.process({ store: claiming(at, [], lost) });
  once.inbox({ source: "acme" }, {});
  once.inbox({ source: "other" }, {});
  const { handling } = await once.worker.runOnce();
  assert.deepEqual(handling, { objects: 0, ended: 0, reachable: false });
  assert.deepEqual(
    at.reports.filter(({ type }) => type === "inbox.failed"),
    [{ type: "inbox.failed", source: "acme, other", error }],
  );
});

test("what breaks the handling of one object is told of, and the others go on", async () => {
  const at = ground();
  const broken = new Error("The store broke its contract.");
  const inbox: Ground["store"]["inbox"] = {
    ...at.store.inbox,
    handle(holder, work) {
      if (holder.object === "payment:pi_1") throw broken;
      return at.store.inbox.handle(holder, work);
    },
  };
  const once = at.process({ store: { ...at.store, inbox } });
  const seen: string[] = [];
  const acme = once.inbox({ source: "acme" }, { "*": (_, { key }) => void seen.push(key) });
  await acme.accept([event("evt_1"), event("evt_2", { object: { kind: "payment", id: "pi_2" } })]);
  const { handling } = await once.worker.runOnce();
  assert.deepEqual([seen, handling], [["id:evt_2"], { objects: 2, ended: 1, reachable: true }]);
  const told = at.reports.find((one) => one.type === "inbox.failed");
  assert.ok(told?.type === "inbox.failed" && told.error instanceof Error);
  assert.deepEqual([told.source, told.error.cause], ["acme", broken]);
  assert.match(told.error.message, /broke its contract/);
});
