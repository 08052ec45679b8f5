import { columns, type KnownState, type Output, paintState } from "./output.ts";

/** One row of a list. */
export interface ListedRow {
  readonly state: KnownState;
  readonly cells: readonly string[];
  /** What must not be overlooked, behind the row. */
  readonly alarm?: string | undefined;
  /** What is to be said of it in lines of their own. */
  readonly below?: readonly string[];
}

/** Rows in columns under a heading, each behind its painted state. */
export function printListing(
  output: Output,
  heading: readonly string[],
  rows: readonly ListedRow[],
): void {
  const widest = Math.max("state".length, ...rows.map(({ state }) => state.length));
  const [first = "", ...lines] = columns([heading, ...rows.map(({ cells }) => cells)]);
  output.line(output.paint(`${"state".padEnd(widest)}  ${first}`, "dim"));
  for (const [index, { state, alarm, below = [] }] of rows.entries()) {
    const mark = alarm === undefined ? "" : `  ${output.paint(alarm, "red")}`;
    output.line(`${paintState(output, state, widest)}  ${lines[index]}${mark}`);
    for (const text of below) output.line(`${" ".repeat(widest + 2)}${output.paint(text, "dim")}`);
  }
}
