import type { Answer } from "../store.ts";
import { EXIT, Exit, expectOk } from "./exit.ts";
import type { Output } from "./output.ts";

/** What an order of a person is about: rows of one kind, some of which may refuse it. */
export interface Order<Row extends { readonly number: number }> {
  /** Such as `event`. */
  readonly noun: string;
  /** Undefined if a filter says which. */
  readonly numbers: readonly number[] | undefined;
  readonly limit: number;
  readonly dryRun: boolean;
  /** What becomes of a row, and what would. */
  readonly effect: { readonly real: string; readonly dry: string };
  list(numbers: readonly number[]): Promise<Answer<readonly Row[]>>;
  give(): Promise<Answer<readonly number[]>>;
  name(row: Row): string;
  /** Why a row that was named is not one that the order is for. */
  refused(row: Row): string;
}

/** Gives the order, and prints what became of each row. @throws Exit */
export async function giveOrder<Row extends { readonly number: number }>(
  order: Order<Row>,
  output: Output,
): Promise<void> {
  const { noun, numbers, dryRun, effect } = order;
  if (numbers !== undefined) await expectKnown(order, numbers);
  const taken = expectOk(await order.give());
  const asked = numbers ?? taken;
  const rows = asked.length === 0 ? [] : expectOk(await order.list(asked));
  const results = rows.map((row) => {
    const isTaken = taken.includes(row.number);
    const said = isTaken ? effect[dryRun ? "dry" : "real"] : order.refused(row);
    return { row, number: row.number, taken: isTaken, said };
  });
  if (results.some((result) => !result.taken)) process.exitCode = EXIT.failed;
  if (output.json)
    return output.document({ dryRun, results: results.map(({ row, ...result }) => result) });
  for (const { row, said } of results) output.line(`${order.name(row)}: ${said}`);
  if (results.length === 0) output.line(`No ${noun} is one that this is for.`);
  if (numbers === undefined && taken.length === order.limit)
    output.line(`There may be more: --limit takes the newest ${order.limit}.`);
  if (dryRun) output.line(output.paint("A dry run: nothing was changed.", "dim"));
}

/** A wrong number is a slip, and the others may be slips too. */
async function expectKnown<Row extends { readonly number: number }>(
  { noun, list }: Order<Row>,
  numbers: readonly number[],
): Promise<void> {
  const known = new Set(expectOk(await list(numbers)).map(({ number }) => number));
  const missing = numbers.filter((number) => !known.has(number));
  if (missing.length > 0)
    throw new Exit(EXIT.unknown, `There is no ${noun} ${missing.join(", ")}. Nothing was changed.`);
}
