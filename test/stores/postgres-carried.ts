import assert from "node:assert/strict";
import type { Statement, StatementValue } from "../../src/model/statement.ts";
import type { Answer, AtomicAnswer, Store } from "../../src/store.ts";
import { answered, claimOf, type messageOf, settlementOf } from "../../src/verify/cases/sample.ts";

type Carries = Pick<Store, "carryOut">;

export const write = (text: string, ...values: StatementValue[]): Statement => ({ text, values });
export const row = (id: string): Statement => write("INSERT INTO orders VALUES ($1)", id);

export function carry(
  store: Carries,
  key: string,
  statements: readonly Statement[],
  messages = [] as ReturnType<typeof messageOf>[],
): Promise<Answer<AtomicAnswer<undefined>>> {
  assert.ok(store.carryOut);
  const settlement = { ...settlementOf(), messages };
  return store.carryOut(claimOf(key, { form: "atomic" }), { statements, settlement });
}

export async function kindOf(answer: Promise<Answer<AtomicAnswer<undefined>>>): Promise<string> {
  return answered(await answer).kind;
}

export async function errorOf(
  answer: Promise<Answer<AtomicAnswer<undefined>>>,
): Promise<{ readonly code?: string }> {
  const value = answered(await answer);
  assert.equal(value.kind, "threw");
  return value.kind === "threw" ? (value.error as { code?: string }) : {};
}
