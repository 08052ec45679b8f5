import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import {
  declined,
  type Effect,
  type EventEvidence,
  inDoubt,
  notExecuted,
  ok,
} from "../../../src/index.ts";
import { recordId } from "../../../src/model/key.ts";
import type { MemoryStore } from "../../../src/stores/memory/store.ts";
import { event, ground } from "./ground.ts";

type Charge = Effect<{ readonly id: string }, { readonly code: string }>;

const request = { scope: "acct_1", key: "k1", input: {} };
const id = recordId("own", "acct_1", "k1");
const target = { provider: "acme", kind: "payment" };

/** What became of the charge before the event came. */
const FATES = {
  lost: () => {
    throw new Error("The answer was lost.");
  },
  paid: () => ({ id: "pi_1" }),
  declined: () => declined({ code: "no_funds" }),
} as const;

interface Case {
  readonly fate?: keyof typeof FATES;
  readonly effect?: Partial<Charge>;
  /** What the event says beside our key; a success of `pi_1` by default. */
  readonly said?: Partial<EventEvidence>;
  /** Whether the event carries the key that was sent; it does by default. */
  readonly keyed?: boolean;
  readonly hint?: boolean;
  /** What the store of the inbox's process answers instead. */
  readonly store?: Partial<MemoryStore>;
}

/** What an event makes of an operation whose one charge came to something before. */
async function brought({ fate = "lost", effect, said, keyed = true, hint, store = {} }: Case) {
  const here = ground();
  const keys: string[] = [];
  const build = (once: ReturnType<typeof here.process>) =>
    once.operation("checkout", {
      input: z.unknown(),
      handler: async (op) => {
        const fee = { ...target, kind: "fee" };
        await op.external("fee", { target: fee, send: () => ({ id: "fee_1" }) });
        const charge = await op.external("charge", {
          ...{ target, keyed: false, judge: () => inDoubt("unanswered") },
          send: ({ key }) => {
            keys.push(key);
            return FATES[fate]();
          },
          reference: (value) => value.id,
          retrieve: (reference) => ({ id: reference }),
          ...effect,
        } satisfies Charge);
        return ok({ paid: charge.declined ? "declined" : charge.value.id });
      },
    });
  const charged = build(here.process());
  const first = await charged.run(request);
  const once = here.process({ store: { ...here.store, ...store } });
  const inbox = once.inbox({ source: "acme" }, { "payment.succeeded": () => undefined });
  here.advance(1);
  here.reports.length = 0;
  const [key = ""] = keys;
  const evidence: EventEvidence = {
    ...{ provider: "acme", kind: "payment", reference: "pi_1", finding: "executed", stands: true },
    ...(keyed ? { providerKey: key } : {}),
    ...said,
  };
  await inbox.accept([event("evt_1", { evidence, ...(hint ? { hint } : {}) })]);
  const { handling } = await once.worker.runOnce();
  here.advance(1);
  const alarms = here.reports.filter(({ type }) => type.startsWith("effect."));
  const noted = await here.store.evidence(id);
  const heard = noted.kind === "ok" ? noted.value.filter((one) => one.source === "webhook") : [];
  const kept = heard.map(({ finding, reference }) => `${finding} ${reference}`);
  const events = await here.store.inbox.list({ limit: 1 });
  const state = events.kind === "ok" ? events.value[0]?.state : undefined;
  return { here, once, charged, first, handling, keys, alarms, kept, heard, state };
}

/** The operation's answer after the event. */
async function after({ charged }: Awaited<ReturnType<typeof brought>>): Promise<unknown> {
  const end = await charged.run(request);
  return "body" in end ? end.body : end.kind;
}

for (const [what, given] of Object.entries({
  "its key": {},
  "its key, although it does not say what it is": { said: { kind: undefined } },
  "its key, for an effect that names no target": { effect: { target: undefined } },
} as unknown as Record<string, Case>))
  test(`an event settles the step that it proves: it is known by ${what}`, async () => {
    const end = await brought(given);
    assert.deepEqual([end.kept, end.state], [["executed pi_1"], "done"]);
    assert.deepEqual(await after(end), { paid: "pi_1" });
    assert.equal(end.keys.length, 1);
    assert.match(end.heard[0]?.detail ?? "", /acme sent payment\.succeeded/);
  });

for (const [what, said] of Object.entries({
  "of another provider": { provider: "other" },
  "of what came of it later": { kind: "capture" },
  "that it failed there": { finding: "unknown" },
} as const))
  test(`an event that tells ${what} is kept, and settles nothing`, async () => {
    const end = await brought({ said });
    const { finding = "executed" } = said as Partial<EventEvidence>;
    assert.deepEqual([end.kept, end.alarms], [[`${finding} pi_1`], []]);
    assert.equal(await after(end), "in-doubt");
    assert.equal(end.keys.length, 1);
  });

test("an event of a key that nobody sent is of no operation", async () => {
  const end = await brought({ said: { providerKey: "nobody's", reference: "pi_9" } });
  assert.deepEqual([end.kept, end.state], [[], "done"]);
  const bare = await brought({ keyed: false, said: { kind: undefined } as object });
  assert.deepEqual([bare.kept, bare.state], [[], "done"]);
  const nameless = await brought({ keyed: false, said: { reference: undefined } as object });
  assert.deepEqual([nameless.kept, nameless.state], [[], "done"]);
});

test("an event without our key is of the step that adopted what it names", async () => {
  const agrees = await brought({ fate: "paid", keyed: false });
  assert.deepEqual([agrees.kept, agrees.alarms, agrees.state], [[], [], "done"], "no news");
  const failed = { finding: "unknown" } as const;
  for (const [said, kept] of [
    [failed, ["unknown pi_1"]],
    [{ ...failed, providerKey: "nobody's" }, ["unknown pi_1"]],
    [{ ...failed, kind: "capture" }, []],
    [{ ...failed, kind: undefined }, []],
    [{ ...failed, reference: undefined }, []],
    [{ ...failed, reference: "pi_2" }, []],
  ] as const) {
    const end = await brought({ fate: "paid", keyed: false, said: said as object });
    assert.deepEqual([end.kept, end.alarms, end.state], [kept, [], "done"]);
  }
});

test("a word that comes a moment too late to settle anything is kept", async () => {
  const reopen = async () => ({ kind: "ok", value: "final" }) as const;
  const end = await brought({ store: { reopen } });
  assert.deepEqual([end.kept, end.state], [["executed pi_1"], "done"]);
});

for (const [what, given, type] of [
  ["a second success", { fate: "paid", said: { reference: "pi_2" } }, "effect.duplicate"],
  ["a success of what was declined", { fate: "declined", said: {} }, "effect.orphan"],
] as const)
  test(`an alarm is raised by ${what}, once it has taken hold`, async () => {
    const { reference = "pi_1" } = given.said as Partial<EventEvidence>;
    const end = await brought(given);
    const told = { id, name: "checkout", fence: 1, step: "charge", reference };
    assert.deepEqual(end.alarms, [{ type, ...told }]);
    assert.deepEqual([end.kept, end.state], [[`executed ${reference}`], "done"]);
    const fleeting = await brought({ ...given, said: { ...given.said, stands: false } });
    assert.deepEqual([fleeting.kept, fleeting.alarms], [[`executed ${reference}`], []]);
  });

test("a success whose reference nobody knows is not called a second one", async () => {
  const nameless = await brought({ fate: "paid", effect: { reference: () => undefined } });
  assert.deepEqual([nameless.kept, nameless.alarms], [[], []]);
});

for (const [what, given] of [
  ["a hint", { hint: true }],
  ["a proof without a reference", { said: { reference: undefined } as object }],
] as const)
  test(`${what} lets the operation ask its provider again, at once`, async () => {
    let isThere = false;
    const find = () => (isThere ? { id: "pi_found" } : undefined);
    const end = await brought({ ...given, effect: { lookUp: { quietMs: 0, find } } });
    assert.equal(end.first.kind, "in-doubt");
    isThere = true;
    assert.deepEqual(await after(end), { paid: "pi_found" });
    assert.equal(end.keys.length, 1);
    assert.deepEqual(
      end.heard.map(({ finding, reference }) => [finding, reference]),
      "hint" in given ? [["unknown", "pi_1"]] : [["executed", undefined]],
    );
  });

test("a success of what was proved not to have happened raises an alarm", async () => {
  const judge = () => notExecuted("no connection");
  const end = await brought({ effect: { keyed: true, judge } });
  assert.equal(end.first.kind, "retry-scheduled");
  assert.deepEqual(
    end.alarms.map(({ type }) => type),
    ["effect.orphan"],
  );
});

const LOST = async () => ({ kind: "not-known", error: new Error("gone") }) as const;

for (const call of ["stepOf", "read", "reopen"] as const)
  test(`a store that does not answer to ${call} leaves the event for later`, async () => {
    const end = await brought({ store: { [call]: LOST } });
    assert.deepEqual([end.state, end.handling?.ended, end.kept], ["waiting", 0, []]);
    const once = end.here.process();
    once.inbox({ source: "acme" }, { "payment.succeeded": () => undefined });
    end.here.advance(5_000);
    assert.equal((await once.worker.runOnce()).handling?.ended, 1);
    assert.deepEqual(await after(end), { paid: "pi_1" });
  });

test("a word that could not be kept is brought again", async () => {
  const said = { kind: "capture" };
  const end = await brought({ said, store: { note: LOST } });
  assert.deepEqual([end.state, end.kept], ["waiting", []]);
});

test("what a provider writes is bounded before it is stored", async () => {
  const long = `pi_${"x".repeat(600)}`;
  const end = await brought({ said: { reference: long } });
  assert.equal(end.heard[0]?.reference?.length, 500);
  assert.deepEqual(await after(end), { paid: long.slice(0, 500) });
});
