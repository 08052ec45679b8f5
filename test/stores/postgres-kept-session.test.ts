import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cell, Ended, Ends, Row } from "../../src/stores/postgres/client.ts";
import { DeadlineError } from "../../src/stores/postgres/errors.ts";
import { keptSession } from "../../src/stores/postgres/kept-session.ts";
import type { Held } from "../../src/stores/postgres/owner.ts";
import { SQLSTATES, tableNames } from "../../src/stores/postgres/statements.ts";
import { settleTurn } from "../core/acquirer.ts";
import { PATIENCE, type Plan, planned } from "./postgres-planned.ts";

const NAMES = tableNames("nevertwice_");
const NEVER = new Promise<never>(() => {});
const LOST = new Error("A line broke.");
const ENDS: Ends = {
  ...{ localAddress: "::ffff:127.0.0.1", localPort: 4711 },
  ...{ remoteAddress: "127.0.0.1", remotePort: 5432 },
};

const failed = (code: string): Error => Object.assign(new Error("It failed."), { code });
const held = (id: string, owner?: string): Held => ({
  ...{
    id: id.repeat(64),
    fence: 1,
    attemptId: `${id}1`,
    leaseMs: 30_000,
    since: 0,
    until: 600_000,
    owner,
  },
});

/** Whether a statement takes the lock, gives it back, names the owner, or is somebody's own. */
function kindOf(sql: string): "lock" | "unlock" | "own" | "other" {
  if (sql.includes("pg_try_advisory_lock")) return "lock";
  if (sql.includes("pg_advisory_unlock")) return "unlock";
  return sql.startsWith("UPDATE") ? "own" : "other";
}

type Answers = Partial<Record<ReturnType<typeof kindOf>, () => Promise<readonly Row[]>>>;

/** A session whose server sees its client's own socket and gives the lock 7. */
function opened(answers: Answers = {}, plan: Plan = {}) {
  const all: Required<Answers> = {
    ...{ lock: async () => [["7", "true"]], unlock: async () => [["true"]] },
    ...{ own: async () => [], other: async () => [["answer"]] },
    ...answers,
  };
  const world = planned({ ends: () => ENDS, query: (sql) => all[kindOf(sql)](), ...plan });
  const state = { needed: true, lost: 0 };
  const isNeeded = (): boolean => state.needed;
  const onLost = (): void => {
    state.lost += 1;
  };
  const session = keptSession(world.db, NAMES, { ms: 0 }, isNeeded, onLost);
  const asked = (): string[] => world.scripts.map(kindOf);
  return { ...world, session, state, asked };
}

const run = (session: ReturnType<typeof keptSession>) => session.run("SELECT 1", []);
const GOOD = { kind: "ok", value: [["answer"]] };

test("a session is opened when it is first needed, and kept as long as it is", async () => {
  const { session, done, state } = opened();
  assert.deepEqual(done, []);
  assert.deepEqual(await run(session), GOOD);
  assert.deepEqual(await run(session), GOOD);
  await session.giveBack();
  assert.deepEqual(done, ["acquire", "query", "query"]);
  state.needed = false;
  await session.giveBack();
  await session.giveBack();
  assert.deepEqual(done.slice(3), ["release"], "without a lock there is nothing to unlock");
  assert.deepEqual(await run(session), GOOD);
  await settleTurn();
  assert.deepEqual(done.slice(4), ["acquire", "query", "release"], "and goes back by itself");
});

test("where no more connections may be kept, renewals go like other statements", async () => {
  const { session, done } = opened({}, { keeps: false });
  await session.tend([held("a")]);
  assert.deepEqual(done, []);
  assert.deepEqual(await run(session), GOOD);
  assert.deepEqual(done, ["acquire", "query", "release"]);
  assert.equal(session.owner(), undefined);
  await session.giveBack();
});

test("the lock is taken once, and named in the claims that have another owner", async () => {
  const { session, asked, done, state } = opened();
  assert.equal(session.owner(), undefined);
  assert.equal(session.noticesDeath(), false);
  assert.equal(session.isWanting(undefined), true);
  const [one, two] = [held("a"), held("b", "6")];
  await session.tend([one, two]);
  assert.deepEqual(asked(), ["lock", "own"]);
  assert.deepEqual([one.owner, two.owner, session.owner()], ["7", "7", "7"]);
  assert.equal(session.noticesDeath(), true);
  assert.deepEqual(["7", "6", undefined].map(session.isWanting), [false, true, true]);
  await session.tend([one, two]);
  assert.equal(asked().length, 2, "they have it");
  await session.tend([held("c")]);
  assert.deepEqual(asked().slice(2), ["own"]);
  state.needed = false;
  await session.giveBack();
  assert.deepEqual(asked().slice(3), ["unlock"]);
  assert.equal(done.at(-1), "release");
  assert.equal(session.owner(), undefined);
});

test("the server is told both ends of the connection, and which claims have its lock", async () => {
  const seen: Partial<Record<ReturnType<typeof kindOf>, readonly Cell[]>> = {};
  const acquire: Plan["acquire"] = async (own) => ({
    ...own,
    async query(sql, values) {
      seen[kindOf(sql)] = values;
      return own.query(sql, values);
    },
  });
  const { session, state, scripts } = opened({}, { acquire });
  await session.tend([held("a"), held("b")]);
  assert.deepEqual(seen.lock, ["127.0.0.1", "4711", "127.0.0.1", "5432"], "as the server sees it");
  const ids = `{"${"a".repeat(64)}","${"b".repeat(64)}"}`;
  assert.deepEqual(seen.own, ["0", "7", ids, '{"1","1"}', '{"a1","b1"}', '{"30000","30000"}']);
  const [, own = ""] = scripts;
  assert.ok(own.includes("$1::text::float8 *") && own.includes("held.lease_ms"));
  state.needed = false;
  await session.giveBack();
  assert.deepEqual(seen.unlock, ["7"]);
});

test("where the socket is not the server's, no lock is asked for again", async () => {
  const unseen = opened({ lock: async () => [] });
  const unshown = opened({}, { ends: () => undefined });
  const without = opened({}, { acquire: async ({ ends, ...rest }) => rest });
  for (const { session, asked } of [unseen, unshown, without]) {
    const claim = held("a");
    await session.tend([claim]);
    await session.tend([claim]);
    assert.ok(asked().filter((kind) => kind === "lock").length <= 1);
    assert.ok(!asked().includes("own"));
    assert.deepEqual([claim.owner, session.owner()], [undefined, undefined]);
    assert.equal(session.noticesDeath(), false);
    assert.equal(session.isWanting(undefined), false);
    assert.deepEqual(await run(session), GOOD, "the session is of use all the same");
  }
});

test("a number that somebody has drawn before is drawn again", async () => {
  const answers = [[["6", "false"]], [["7", "true"]]];
  const { session, asked } = opened({ lock: async () => answers.shift() ?? [] });
  const claim = held("a");
  await session.tend([claim]);
  assert.equal(session.owner(), undefined);
  assert.equal(session.isWanting(undefined), true);
  await session.tend([claim]);
  assert.deepEqual(asked(), ["lock", "lock", "own"]);
  assert.equal(claim.owner, "7");
});

test("a session that may have the lock, or not, goes to nobody else", async () => {
  for (const [error, again] of [
    [LOST, true],
    [failed("42501"), false],
  ] as const) {
    const { session, done, state } = opened({ lock: () => Promise.reject(error) });
    await session.tend([held("a")]);
    assert.equal(done.at(-1), "destroy");
    assert.ok(state.lost > 0, "it is still needed");
    assert.equal(session.noticesDeath(), false);
    await run(session);
    assert.equal(session.isWanting(undefined), again, "a refusal would come again");
    assert.equal(done.filter((name) => name === "acquire").length, 2);
  }
});

test("an error with a code leaves the session, and one without a code ends it", async () => {
  let error = failed("40001");
  const { session, done, state } = opened({ other: () => Promise.reject(error) });
  assert.deepEqual(await run(session), { kind: "not-applied", error, again: true });
  assert.deepEqual([done, state.lost], [["acquire", "query"], 0]);
  error = LOST;
  assert.deepEqual(await run(session), { kind: "not-known", error });
  assert.deepEqual([done.at(-1), state.lost], ["destroy", 1]);
  state.needed = false;
  await run(session);
  assert.deepEqual(done.slice(4), ["acquire", "query", "destroy"]);
  assert.equal(state.lost, 1, "nobody needs it");
});

test("without a connection nothing was sent, and the next one asks for it again", async () => {
  let open = false;
  const { session, done } = opened(
    {},
    {
      acquire: (own) => (open ? Promise.resolve(own) : Promise.reject(LOST)),
    },
  );
  assert.deepEqual(await run(session), { kind: "not-applied", error: LOST, again: true });
  open = true;
  assert.deepEqual(await run(session), GOOD);
  assert.deepEqual(done, ["acquire", "acquire", "query"]);
});

test("a session that is lost while nothing is asked of it is opened anew", async () => {
  const { session, done, state, lose } = opened();
  await session.tend([held("a")]);
  lose(LOST);
  assert.deepEqual([done.at(-1), state.lost], ["destroy", 1]);
  assert.equal(session.owner(), undefined);
  assert.deepEqual(await run(session), GOOD);
  assert.equal(done.filter((name) => name === "acquire").length, 2);
});

test("a session that cannot be unlocked is ended", async () => {
  for (const unlock of [
    async () => [["false"]],
    async () => [],
    () => Promise.reject(LOST),
    () => NEVER,
  ]) {
    const { session, done, state, clock } = opened({ unlock });
    await session.tend([held("a")]);
    state.needed = false;
    const leaving = session.giveBack();
    await clock.pass(PATIENCE.statementMs + 25);
    await leaving;
    assert.deepEqual(done.slice(-2), ["query", "destroy"]);
  }
});

test("it is asked one thing at a time, and not given back before all is answered", async () => {
  const answers: ((rows: readonly Row[]) => void)[] = [];
  const other = () => new Promise<readonly Row[]>((resolve) => void answers.push(resolve));
  const { session, done, state } = opened({ other });
  state.needed = false;
  const both = [run(session), run(session)];
  await settleTurn();
  assert.equal(answers.length, 1);
  answers[0]?.([["one"]]);
  await settleTurn();
  assert.equal(answers.length, 2);
  assert.ok(!done.includes("release"));
  answers[1]?.([["two"]]);
  assert.deepEqual(
    await Promise.all(both),
    ["one", "two"].map((text) => ({ kind: "ok", value: [[text]] })),
  );
  await settleTurn();
  assert.deepEqual(done, ["acquire", "query", "query", "release"]);
});

test("a renewal that is not answered in time is not known", async () => {
  const { session, clock, done } = opened({ other: () => NEVER });
  const asked = run(session);
  await clock.pass(PATIENCE.statementMs + 25);
  const answer = await asked;
  assert.ok(answer.kind === "not-known" && answer.error instanceof DeadlineError);
  assert.match(answer.error.message, /renewal/);
  assert.equal(done.at(-1), "destroy");
});

test("where the default isolation is another, every statement says its own", async () => {
  let refusals = 0;
  const other = async (): Promise<readonly Row[]> => {
    refusals += 1;
    if (refusals === 1) throw failed(SQLSTATES.isolation);
    return [["answer"]];
  };
  const { session, done } = opened({ other });
  assert.deepEqual(await run(session), GOOD);
  assert.deepEqual(done, ["acquire", "query", "begin", "query", "commit"]);
  assert.deepEqual(await run(session), GOOD);
  assert.deepEqual(done.slice(5), ["begin", "query", "commit"]);
});

test("a renewal in a transaction of its own is done only if that committed", async () => {
  const isolated = (then: () => Promise<readonly Row[]>): Answers => {
    const answers = [() => Promise.reject(failed(SQLSTATES.isolation)), then];
    return { other: () => (answers.shift() ?? then)() };
  };
  const commit = async (): Promise<Ended> => ({ committed: false, row: [] });
  const undone = opened(
    isolated(async () => []),
    { commit },
  );
  assert.equal((await run(undone.session)).kind, "not-known");
  assert.equal(undone.done.at(-1), "destroy");
  const error = failed("40001");
  const refused = opened(isolated(() => Promise.reject(error)));
  assert.deepEqual(await run(refused.session), { kind: "not-applied", error, again: true });
  assert.equal(refused.done.at(-1), "rollback");
});
