import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Effect, EffectCall } from "../../src/core/effect.ts";
import type { LedgerEntry } from "../../src/sandbox/books.ts";
import { attempt, callWith, type Ground, KEY, valueFrom } from "./attempt.ts";

export const OTHER_KEY = "0198c0de-0000-8000-8000-000000000002";
/** Long enough for a busy machine to answer, short enough to wait for. */
export const TIMEOUT_MS = 1_500;
/** Nothing listens there. */
export const NOWHERE = "http://127.0.0.1:9";

/** One effect of one provider in a fresh sandbox. */
export interface Subject<Value, Decline> {
  readonly ground: Ground;
  readonly effect: Effect<Value, Decline>;
  /** As the fault's aim spells it. */
  readonly endpoint: string;
  /** What the ledger calls what it makes. */
  readonly kind: string;
}

type Staging<Value, Decline> = (
  context: TestContext,
  fault: string,
) => Promise<Subject<Value, Decline>>;

/** What a send came to, in a word. */
export async function verdictOf<Value, Decline>(
  effect: Effect<Value, Decline>,
  call: EffectCall = callWith(),
): Promise<string> {
  const ended = await attempt(effect, call);
  return ended.kind === "in-doubt" ? ended.because : ended.kind;
}

/** The entries of the ledger that moved money, or will. */
export async function made(ground: Ground, kind: string): Promise<LedgerEntry[]> {
  const entries = await ground.ledger();
  return entries.filter((entry) => entry.kind === kind && entry.status !== "failed");
}

/** Faults that leave the same doubt everywhere, with how often the effect happened then. */
const LOST = [
  ["timeout-before", "unanswered", 0],
  ["timeout-after", "unanswered", 1],
  ["reset-before", "unanswered", 0],
  ["reset-after", "unanswered", 1],
  ["truncated", "unanswered", 1],
  ["500-before", "failed", 0],
  ["500-after", "failed", 1],
  ["500-frozen-after", "failed", 1],
  ["503-before", "failed", 0],
  ["429", "unanswered", 0],
] as const;

/**
 * Loses the answer in each way: the judge keeps the doubt, and the look-up tells what happened.
 *
 * @param times how often the client itself sends before it gives a 5xx up
 */
export function losesAnswers<Value extends { readonly id: string }, Decline>(
  title: string,
  stage: Staging<Value, Decline>,
  times = 1,
): void {
  describe(`${title}: an answer that is lost`, { concurrency: 4 }, () => {
    for (const [fault, verdict, count] of LOST) {
      test(fault, async (context) => {
        const { ground, effect, endpoint, kind } = await stage(context, fault);
        const repeated = verdict === "failed" ? times : 1;
        await ground.fault(endpoint, ...Array<string>(repeated).fill(fault));
        assert.equal(await verdictOf(effect), verdict);
        const entries = await made(ground, kind);
        assert.equal(entries.length, count);
        const found = (await effect.lookUp?.find(callWith())) as Value | undefined;
        assert.equal(found?.id, entries[0]?.id);
        assert.equal(await effect.lookUp?.find(callWith(OTHER_KEY)), undefined);
      });
    }
  });
}

/** The same key after a lost answer gives what was made, and makes nothing more. */
export function replays<Value extends { readonly id: string }, Decline>(
  title: string,
  stage: Staging<Value, Decline>,
): void {
  describe(`${title}: a replay`, { concurrency: 4 }, () => {
    for (const fault of ["timeout-after", "reset-after", "truncated", "late:600"]) {
      test(`after ${fault}`, async (context) => {
        const { ground, effect, endpoint, kind } = await stage(context, fault);
        await ground.fault(endpoint, fault);
        assert.equal(await verdictOf(effect), "unanswered");
        const value = await valueFrom(effect);
        assert.deepEqual(await valueFrom(effect), value);
        const entries = await made(ground, kind);
        const ids = entries.map(({ id, key }) => [id, key]);
        assert.deepEqual(ids, [[value.id, KEY]]);
        assert.equal((await effect.retrieve?.(value.id, callWith()))?.id, value.id);
        assert.equal(effect.reference?.(value), value.id);
      });
    }

    test("of a forgotten key is a new request, so the key's time is bounded", async (context) => {
      const { ground, effect, kind } = await stage(context, "");
      await valueFrom(effect);
      assert.ok(effect.keptForMs !== undefined && effect.keptForMs > 0);
      await ground.set({ retentionMs: effect.keptForMs });
      await ground.advance(effect.keptForMs);
      // A capture of the whole is refused the second time; anything else happens twice.
      const again = (await verdictOf(effect)) === "value" ? 2 : 1;
      assert.equal((await made(ground, kind)).length, again);
    });
  });
}
