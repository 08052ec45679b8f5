import assert from "node:assert/strict";
import { test } from "node:test";
import type { Holder } from "../../src/model/operation.ts";
import type { Ends } from "../../src/stores/postgres/client.ts";
import { keptConnection, pooledLeases } from "../../src/stores/postgres/leases.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import { settleTurn } from "../core/acquirer.ts";
import { planned } from "./postgres-planned.ts";

/** A claim that lives for longer than this is worth a connection. */
const BRIEF_MS = 50;
const HOUR = { leaseMs: 30_000, runForMs: 3_600_000 };
const ENDS: Ends = {
  ...{ localAddress: "127.0.0.1", localPort: 4711 },
  ...{ remoteAddress: "127.0.0.1", remotePort: 5432 },
};

const holderOf = (id: string, fence = 1): Holder => ({
  ...{ id: id.repeat(64), fence, attemptId: `${id}${fence}` },
});

/** Leases over a server that gives the locks 1, 2, … in turn. */
function opened() {
  let drawn = 0;
  const world = planned({
    ends: () => ENDS,
    async query(sql) {
      if (sql.includes("pg_advisory_unlock")) return [["true"]];
      if (!sql.includes("pg_try_advisory_lock")) return [["answer"]];
      drawn += 1;
      return [[String(drawn), "true"]];
    },
  });
  const leases = keptConnection(world.db, world.clock, tableNames("nevertwice_"), { ms: 0 });
  const owned = (): number => world.scripts.filter((sql) => sql.startsWith("UPDATE")).length;
  return { ...world, leases, owned };
}

test("claims that end soon cost no connection", async () => {
  const { leases, clock, done } = opened();
  for (const id of ["a", "b", "c"]) {
    leases.hold(holderOf(id), HOUR, undefined);
    await clock.pass(BRIEF_MS - 1);
    leases.drop(holderOf(id));
  }
  await clock.pass(10 * BRIEF_MS);
  assert.deepEqual(done, []);
  assert.equal(clock.pending, 0, "and nothing is waited for");
});

test("a claim that lasts is owned, and so is one that was made after it, in its time", async () => {
  const { leases, clock, owned } = opened();
  leases.hold(holderOf("a"), HOUR, undefined);
  await clock.pass(BRIEF_MS - 20);
  leases.hold(holderOf("b"), HOUR, undefined);
  assert.equal(clock.pending, 1, "one watch is enough for all of them");
  assert.equal(owned(), 0);
  await clock.pass(20);
  assert.deepEqual([owned(), leases.owner(), leases.noticesDeath()], [1, "1", true]);
  await clock.pass(BRIEF_MS);
  assert.equal(owned(), 2);
  leases.hold(holderOf("c"), HOUR, leases.owner());
  await clock.pass(10 * BRIEF_MS);
  assert.equal(owned(), 2, "its claim named the owner already");
  assert.equal(clock.pending, 0);
});

test("the connection goes back with the last claim, of whatever fence it is", async () => {
  const { leases, clock, done } = opened();
  leases.hold(holderOf("a", 2), HOUR, undefined);
  leases.hold(holderOf("b"), HOUR, undefined);
  await clock.pass(BRIEF_MS);
  leases.drop(holderOf("b"));
  leases.drop(holderOf("a", 1));
  leases.drop(holderOf("c"));
  await settleTurn();
  assert.ok(!done.includes("release"), "an older claim's end is not the end of this one");
  leases.drop(holderOf("a", 2));
  await settleTurn();
  assert.equal(done.at(-1), "release");
});

test("a claim that nobody has ended is forgotten when it may run no longer", async () => {
  const { leases, clock, done } = opened();
  leases.hold(holderOf("a"), { ...HOUR, runForMs: 1_000 }, undefined);
  leases.hold(holderOf("b"), HOUR, undefined);
  await clock.pass(1_000);
  leases.drop(holderOf("b"));
  await settleTurn();
  assert.ok(!done.includes("release"));
  await clock.pass(1);
  leases.drop(holderOf("b"));
  await settleTurn();
  assert.equal(done.at(-1), "release");
});

test("a connection that is lost under a claim is opened anew, with a lock of its own", async () => {
  const { leases, clock, lose, owned, done } = opened();
  leases.hold(holderOf("a"), HOUR, undefined);
  await clock.pass(BRIEF_MS);
  lose(new Error("A line broke."));
  assert.equal(leases.owner(), undefined);
  await clock.pass(BRIEF_MS);
  assert.deepEqual([owned(), leases.owner()], [2, "2"]);
  assert.deepEqual(done.slice(0, 5), ["acquire", "query", "query", "destroy", "acquire"]);
});

test("a heartbeat sees to the lock too", async () => {
  const { leases, clock, lose, owned } = opened();
  leases.hold(holderOf("a"), HOUR, undefined);
  assert.deepEqual(await leases.run("SELECT 1", []), { kind: "ok", value: [["answer"]] });
  await clock.pass(BRIEF_MS);
  assert.equal(owned(), 1);
  leases.drop(holderOf("a"));
  lose(new Error("A line broke."));
  await clock.pass(10 * BRIEF_MS);
  assert.deepEqual(await leases.run("SELECT 1", []), { kind: "ok", value: [["answer"]] });
  await clock.pass(10 * BRIEF_MS);
  assert.deepEqual([owned(), clock.pending], [1, 0], "without a claim there is nothing to see to");
});

test("what closes gives its connection back, whatever claims there were", async () => {
  const { leases, clock, done } = opened();
  leases.hold(holderOf("a"), HOUR, undefined);
  await clock.pass(BRIEF_MS);
  await leases.close();
  assert.equal(done.at(-1), "release");
  await clock.pass(10 * BRIEF_MS);
  assert.equal(done.at(-1), "release");
});

test("leases over a pool of their own keep nothing, and notice no death", async () => {
  const { db, done } = planned();
  const leases = pooledLeases(db);
  leases.hold(holderOf("a"), HOUR, undefined);
  assert.deepEqual(await leases.run("SELECT 1", []), { kind: "ok", value: [["answer"]] });
  assert.deepEqual(done, ["acquire", "query", "release"]);
  assert.deepEqual([leases.owner(), leases.noticesDeath()], [undefined, false]);
  leases.drop(holderOf("a"));
  await leases.close();
});
