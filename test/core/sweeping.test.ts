import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, type Report, type Sweep, systemRandom } from "../../src/index.ts";
import { settleTurn } from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { stage } from "./stage.ts";

/** A worker of inboxes that are swept at these intervals, and when each one was. */
async function sweeping(everyMs: Readonly<Record<string, number>>, failing?: string) {
  const clock = handClock();
  const began = clock.monotonic();
  const swept: [string, number][] = [];
  const failed: Report[] = [];
  const once = stage().process({
    clock,
    random: { ...systemRandom, fraction: () => 0.5 },
    onEvent: (event) => event.type === "inbox.failed" && failed.push(event),
  });
  once.inbox({ source: "silent" }, {});
  for (const [source, sweepEveryMs] of Object.entries(everyMs)) {
    async function* pages() {
      swept.push([source, clock.monotonic() - began]);
      if (source === failing) throw new Error("The list is out of reach.");
      yield { events: [], cursor: undefined };
    }
    once.inbox({ source }, {}, { sweep: { pages }, sweepEveryMs } as never);
  }
  once.worker.start({ pollMs: 3_600_000, pruneMs: 3_600_000 });
  await settleTurn();
  return { clock, swept, failed };
}

test("a worker takes events in hand as its limit says, and again after its pause", async () => {
  const clock = handClock();
  const { store } = stage();
  const asked: number[] = [];
  const inbox: typeof store.inbox = {
    ...store.inbox,
    claim: (request) => {
      asked.push(request.limit);
      return store.inbox.claim(request);
    },
  };
  const random = { ...systemRandom, fraction: () => 0.5 };
  const once = stage().process({ clock, random, store: { ...store, inbox } });
  once.inbox({ source: "acme" }, {});
  once.worker.start({ pollMs: 100, limit: 3 });
  await clock.pass(99);
  assert.deepEqual(asked, [3]);
  await clock.pass(1);
  assert.deepEqual(asked, [3, 3]);
});

test("a source is swept at once, and again when its time has come, at the next look", async () => {
  const { clock, swept } = await sweeping({ often: 10_000, seldom: 15_000 });
  await clock.pass(40_000);
  const when = (source: string) => swept.filter(([of]) => of === source).map(([, at]) => at);
  assert.deepEqual(when("often"), [0, 10_000, 20_000, 30_000, 40_000]);
  assert.deepEqual(when("seldom"), [0, 20_000, 40_000]);
});

test("a sweep that fails is told of, keeps no other from it, and has its next turn", async () => {
  const { clock, swept, failed } = await sweeping({ lost: 10_000, well: 10_000 }, "lost");
  await clock.pass(10_000);
  assert.deepEqual(swept, [
    ["lost", 0],
    ["well", 0],
    ["lost", 10_000],
    ["well", 10_000],
  ]);
  const told = failed.map((event) => "source" in event && [event.type, event.source]);
  assert.deepEqual(told, [
    ["inbox.failed", "lost"],
    ["inbox.failed", "lost"],
  ]);
  assert.match(String(failed[0] && "error" in failed[0] && failed[0].error), /out of reach/);
});

test("a list that never answers, and hears no signal, keeps no other from being swept", async () => {
  const clock = handClock();
  const swept: string[] = [];
  const failed: string[] = [];
  const once = stage().process({
    ...{ clock, random: { ...systemRandom, fraction: () => 0.5 } },
    onEvent: (event) => event.type === "inbox.failed" && failed.push(String(event.error)),
  });
  async function* hanging() {
    swept.push("hanging");
    yield await new Promise<never>(() => undefined);
  }
  async function* other() {
    swept.push("other");
    yield { events: [] };
  }
  for (const [source, pages] of Object.entries({ hanging, other }))
    once.inbox({ source }, {}, { sweep: { pages }, sweepEveryMs: 600_000 });
  once.worker.start({ pollMs: 3_600_000, pruneMs: 3_600_000 });
  await clock.pass(120_000);
  assert.deepEqual([swept, failed], [["hanging", "other"], ["Error: It took too long."]]);
});

test("what a sweep has found no use for is told to end", async () => {
  const ended: string[] = [];
  const { store } = stage();
  const accept: typeof store.inbox.accept = async () => ({ kind: "ok", value: "stale" });
  const once = stage().process({ store: { ...store, inbox: { ...store.inbox, accept } } });
  async function* pages() {
    try {
      yield { events: [], cursor: "c1" };
      yield { events: [], cursor: "c2" };
    } finally {
      ended.push("ended");
    }
  }
  const inbox = once.inbox({ source: "acme" }, {}, { sweep: { pages } });
  assert.deepEqual(await inbox.sweepOnce(), { listed: 0, found: 0 });
  assert.deepEqual(ended, ["ended"]);
});

test("a sweep that cannot ask how far the last one came fetches nothing", async () => {
  const { store } = stage();
  const gone = new Error("gone");
  const cursor: typeof store.inbox.cursor = async () => ({ kind: "not-known", error: gone });
  const once = stage().process({ store: { ...store, inbox: { ...store.inbox, cursor } } });
  const pages = () => assert.fail("the list was asked");
  const inbox = once.inbox({ source: "acme" }, {}, { sweep: { pages } });
  await assert.rejects(inbox.sweepOnce(), (error) => {
    assert.ok(isNevertwiceError(error, "store-unavailable"));
    return error.cause === gone;
  });
});

test("a list is asked with the time and a signal, and leaves no timer; its events say how they came", async () => {
  const clock = handClock();
  const heard: Report[] = [];
  const once = stage().process({ clock, onEvent: (event) => heard.push(event) });
  const calls: { readonly now: number; readonly aborted: boolean }[] = [];
  const event = { key: "id:evt_1", type: "paid", fingerprint: "f", payload: {} };
  const sweep: Sweep = {
    async *pages(_, { now, signal }) {
      calls.push({ now, aborted: signal.aborted });
      yield { events: [event as never] };
    },
  };
  const before = clock.wall();
  const inbox = once.inbox({ source: "acme" }, {}, { sweep });
  assert.deepEqual(await inbox.sweepOnce(), { listed: 1, found: 1 });
  const [call] = calls;
  assert.ok(call !== undefined && call.now >= before && !call.aborted);
  const [report] = heard;
  assert.equal(report?.type === "event.accepted" && report.route, "sweep");
  assert.equal(clock.pending, 0);
});
