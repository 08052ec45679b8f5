import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";
import { isNevertwiceError } from "../../src/index.ts";
import { type Built, toStatement } from "../../src/model/statement.ts";

const TEXT = "INSERT INTO orders VALUES ($1, $2)";
const STATEMENT = { text: TEXT, values: ["order_1", 1250] };

test("a write is a text and its values, or a query as pg takes it", () => {
  assert.deepEqual(toStatement(TEXT, ["order_1", 1250]), STATEMENT);
  assert.deepEqual(toStatement({ text: TEXT, values: ["order_1", 1250] }), STATEMENT);
  assert.deepEqual(toStatement("DELETE FROM basket"), { text: "DELETE FROM basket", values: [] });
  assert.deepEqual(toStatement({ text: " DELETE FROM basket  ;\n" }), {
    text: "DELETE FROM basket",
    values: [],
  });
});

test("a write is a query of Drizzle's or Kysely's", () => {
  const orders = pgTable("orders", { id: text("id"), amount: integer("amount") });
  const db = drizzle.mock();
  assert.deepEqual(toStatement(db.insert(orders).values({ id: "order_1", amount: 1250 })), {
    text: 'insert into "orders" ("id", "amount") values ($1, $2)',
    values: ["order_1", 1250],
  });
  const update = db.update(orders).set({ amount: sql`${orders.amount} + 1` });
  assert.deepEqual(toStatement(update).values, []);
  const kysely = new Kysely<{ orders: { id: string; amount: number } }>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (known) => new PostgresIntrospector(known),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  const insert = kysely.insertInto("orders").values({ id: "order_1", amount: 1250 });
  assert.deepEqual(toStatement(insert), {
    text: 'insert into "orders" ("id", "amount") values ($1, $2)',
    values: ["order_1", 1250],
  });
});

const bytes = new Uint8Array([0, 255]);
const at = new Date(0);

test("the values of a write are those that every database takes", () => {
  const values = ["", "é", 0, -1.5, 2n ** 63n, true, false, null, at, bytes, Buffer.from("b")];
  assert.deepEqual(toStatement("SELECT 1", values).values, values);
});

for (const [what, value] of [
  ["a list", [1]],
  ["an object", { a: 1 }],
  ["what is absent", undefined],
  ["no number", Number.NaN],
  ["an infinite number", Number.POSITIVE_INFINITY],
  ["a time that is none", new Date(Number.NaN)],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
] as const)
  test(`a write refuses ${what}, and names its place`, () => {
    assert.throws(() => toStatement("SELECT 1", [1, value]), refusal(/ Value 2 of a write /));
  });

for (const [what, given, message] of [
  ["two statements", "DELETE FROM a; DELETE FROM b", /one statement without a semicolon/],
  ["no statement", "  ; ", /one statement/],
  ["a NUL", "DELETE FROM a\0", /one statement/],
  ["a setting", "SELECT SET_CONFIG('app.tenant', $1, true)", /sets nothing/],
  ["what is no text", { text: 7 } as never, /a text and a list of values/],
  ["values that are no list", { text: "SELECT 1", values: "ab" } as never, /a text and a list/],
  ["a builder of nothing", { toSQL: () => ({}) } as unknown as Built, /a text and a list/],
] as const)
  test(`a write refuses ${what}`, () => {
    assert.throws(() => toStatement(given), refusal(message));
  });

function refusal(message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(isNevertwiceError(error));
    assert.equal(error.code, "option-invalid");
    assert.match(error.message, message);
    return true;
  };
}
