import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError } from "../../src/model/errors.ts";
import {
  classify,
  innermost,
  isLost,
  isRerun,
  type Reached,
  refusalOf,
  sqlState,
} from "../../src/stores/postgres/errors.ts";

function failed(code: unknown, more: object = {}): Error {
  return Object.assign(new Error("It failed."), { code }, more);
}

function kindOf(error: unknown, reached: Reached): string {
  const { kind, ...rest } = classify(error, reached);
  return "again" in rest && rest.again ? `${kind}, again` : kind;
}

test("a SQLSTATE is five digits and capitals, on an object, as a text", () => {
  assert.equal(sqlState(failed("40001")), "40001");
  assert.equal(sqlState({ code: "NT001" }), "NT001");
  for (const code of ["4000", "400011", "4000a", 40_001, undefined])
    assert.equal(sqlState(failed(code)), undefined);
  for (const error of [undefined, null, "40001", new Error("40001")])
    assert.equal(sqlState(error), undefined);
  const broken = Object.assign(failed("EPIPE"), { syscall: "write" });
  assert.equal(sqlState(broken), undefined, "Node's own codes may have its shape");
  assert.equal(kindOf(broken, "connect"), "not-applied, again");
});

/** By the code: where nothing was sent, in an open transaction, and with the commit. */
const TABLE: Readonly<Record<string, readonly [string, string, string]>> = {
  // Worth another try at once, wherever it is proven that nothing was done.
  "40001": ["not-applied, again", "not-applied, again", "not-applied, again"],
  "40P01": ["not-applied, again", "not-applied, again", "not-applied, again"],
  "55P03": ["not-applied, again", "not-applied, again", "not-applied, again"],
  "26000": ["not-applied, again", "not-applied, again", "not-applied, again"],
  "42P05": ["not-applied, again", "not-applied, again", "not-applied, again"],
  "53300": ["not-applied, again", "not-applied, again", "not-applied, again"],
  "57P03": ["not-applied, again", "not-applied, again", "not-applied, again"],
  // Undone, and so it would be again.
  "0A000": ["not-applied", "not-applied", "not-applied"],
  "21000": ["not-applied", "not-applied", "not-applied"],
  "22021": ["not-applied", "not-applied", "not-applied"],
  "23505": ["not-applied", "not-applied", "not-applied"],
  "25P02": ["not-applied", "not-applied", "not-applied"],
  "28P01": ["not-applied", "not-applied", "not-applied"],
  "3D000": ["not-applied", "not-applied", "not-applied"],
  "3F000": ["not-applied", "not-applied", "not-applied"],
  "40002": ["not-applied", "not-applied", "not-applied"],
  "42601": ["not-applied", "not-applied", "not-applied"],
  "44000": ["not-applied", "not-applied", "not-applied"],
  "53100": ["not-applied", "not-applied", "not-applied"],
  "54000": ["not-applied", "not-applied", "not-applied"],
  "55000": ["not-applied", "not-applied", "not-applied"],
  "57014": ["not-applied", "not-applied", "not-applied"],
  P0001: ["not-applied", "not-applied", "not-applied"],
  NT004: ["not-applied", "not-applied", "not-applied"],
  // The commit may have gone through before the server or the line broke.
  "40003": ["not-applied", "not-applied", "not-known"],
  "57P01": ["not-applied", "not-applied", "not-known"],
  "57P02": ["not-applied", "not-applied", "not-known"],
  "58030": ["not-applied", "not-applied", "not-known"],
  XX000: ["not-applied", "not-applied", "not-known"],
  "08006": ["not-applied", "not-applied", "not-known"],
  // What is no code of the server's says nothing of the statement.
  ECONNRESET: ["not-applied, again", "not-applied", "not-known"],
  CONNECTION_CLOSED: ["not-applied, again", "not-applied", "not-known"],
  // Nobody was reached at all.
  ECONNREFUSED: ["not-applied, again", "not-applied", "not-applied"],
  ENOTFOUND: ["not-applied, again", "not-applied", "not-applied"],
  EAI_AGAIN: ["not-applied, again", "not-applied", "not-applied"],
  EHOSTUNREACH: ["not-applied, again", "not-applied", "not-applied"],
  ENETUNREACH: ["not-applied, again", "not-applied", "not-applied"],
  CONNECT_TIMEOUT: ["not-applied, again", "not-applied", "not-applied"],
};

test("an error is not applied only where that is proven, and else not known", () => {
  for (const [code, expected] of Object.entries(TABLE)) {
    const kinds = (["connect", "open", "commit"] as const).map((reached) =>
      kindOf(failed(code), reached),
    );
    assert.deepEqual(kinds, expected, code);
  }
  for (const error of [undefined, null, "08006", new Error("A line broke."), failed(23_505)])
    assert.equal(kindOf(error, "commit"), "not-known");
  const error = failed("XX000");
  assert.equal(classify(error, "commit").error, error);
  assert.equal(classify(error, "open").error, error);
});

test("the errors that a person has to mend say so, with the server's own as their cause", () => {
  const codes = { "42P01": "schema-outdated", "42883": "schema-outdated" };
  for (const [state, code] of Object.entries({ ...codes, "25006": "store-unavailable" })) {
    const cause = failed(state);
    const { error } = classify(cause, "commit");
    assert.ok(isNevertwiceError(error));
    assert.equal(error.code, code);
    assert.equal(error.cause, cause);
    assert.equal(classify(cause, "connect").error, cause);
  }
});

test("the database's own error is found inside of what a library made of it", () => {
  const own = failed("40001");
  assert.equal(innermost(own), own);
  for (const wrapped of [
    new Error("Drizzle", { cause: own }),
    new Error("Drizzle", { cause: new Error("deeper", { cause: own }) }),
    failed("P2034", { meta: { driverAdapterError: new Error("Prisma", { cause: own }) } }),
    failed("P2034", { cause: failed("P2010"), meta: { cause: own } }),
  ])
    assert.equal(innermost(wrapped), own);
  const plain = { code: "23505", message: "duplicate key" };
  const outer = failed("P2002", { meta: plain });
  const found = innermost(outer) as Error & { readonly code?: string };
  assert.ok(found instanceof Error);
  assert.deepEqual([found.code, found.message, found.cause], ["23505", "duplicate key", outer]);
  for (const other of [undefined, null, "40001", new Error("none"), failed("P2034")])
    assert.equal(innermost(other), other);
  const twice = new Error("outer", { cause: failed("P2034", { cause: new Error("none") }) });
  assert.equal(innermost(twice), twice);
});

test("a deadlock and a serialization failure are worth another run, wrapped or not", () => {
  for (const code of ["40001", "40P01"]) {
    assert.equal(isRerun(failed(code)), true);
    assert.equal(isRerun(new Error("ORM", { cause: failed(code) })), true);
  }
  for (const other of [failed("40002"), failed("55P03"), new Error("40001"), undefined])
    assert.equal(isRerun(other), false);
});

test("a refused write tells its answer, and no other error does", () => {
  assert.equal(refusalOf(Object.assign(new Error("stale"), { code: "NT001" })), "stale");
  assert.equal(refusalOf(Object.assign(new Error("stale"), { code: "NT002" })), undefined);
  assert.equal(refusalOf({ code: "NT001", message: "stale" }), undefined);
});

test("a connection is lost where Node, postgres.js or the server says so", () => {
  for (const lost of [
    failed("ECONNRESET", { syscall: "read" }),
    failed("57P01"),
    failed("CONNECTION_ENDED"),
    new Error("A query failed.", { cause: failed("57P01") }),
  ])
    assert.equal(isLost(lost), true);
  for (const other of [
    failed("57P02"),
    failed("NOT_A_CONNECTION_"),
    failed(57),
    new Error("A query failed.", { cause: failed("23505") }),
    { code: "57P01" },
    undefined,
  ])
    assert.equal(isLost(other), false);
});
