import type { State } from "../model/operation.ts";

/** Where a command writes, and how. */
export interface Output {
  readonly json: boolean;
  line(text?: string): void;
  /** One JSON document for machines. */
  document(value: unknown): void;
  paint(text: string, colour: Colour): string;
}

const COLOURS = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof COLOURS;

/** Colours only on a terminal, and never where NO_COLOR is set. @see https://no-color.org */
export function createOutput(json: boolean): Output {
  const { NO_COLOR } = process.env;
  const colours = process.stdout.isTTY && (NO_COLOR === undefined || NO_COLOR === "");
  const line = (text = ""): void => void process.stdout.write(`${text}\n`);
  return {
    json,
    line,
    document: (value) => line(JSON.stringify(value, undefined, 2)),
    paint: (text, colour) => (colours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text),
  };
}

const STATE_COLOURS: Readonly<Record<State, Colour>> = {
  running: "yellow",
  waiting: "yellow",
  in_doubt: "red",
  succeeded: "green",
  failed: "dim",
};

export function paintState(output: Output, state: State, width = 0): string {
  return output.paint(state.padEnd(width), STATE_COLOURS[state]);
}

/** Text of a stranger, made harmless for a terminal: control characters are shown, not obeyed. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, (character) => {
    return `\\u${character.codePointAt(0)?.toString(16).padStart(4, "0")}`;
  });
}

/** Rows in columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(...rows.map((row) => (row[index] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
