import type { EventState } from "../model/event.ts";
import type { MessageState } from "../model/message.ts";
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
    document: (value) => line(jsonText(value)),
    paint: (text, colour) => (colours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text),
  };
}

/** Of an operation, an event or a message. */
export type KnownState = State | EventState | MessageState;

const STATE_COLOURS: Readonly<Record<KnownState, Colour>> = {
  running: "yellow",
  sending: "yellow",
  waiting: "yellow",
  in_doubt: "red",
  dead: "red",
  succeeded: "green",
  done: "green",
  sent: "green",
  failed: "dim",
  superseded: "dim",
  unhandled: "dim",
};

export function paintState(output: Output, state: KnownState, width = 0): string {
  return output.paint(state.padEnd(width), STATE_COLOURS[state]);
}

/**
 * Text of a stranger, made harmless for a terminal: control characters are shown, not obeyed, and a
 * line stays one line.
 */
export function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu, (character) => {
    return `\\u${character.codePointAt(0)?.toString(16).padStart(4, "0")}`;
  });
}

/** JSON for a terminal: the same document, with the characters escaped that it would obey. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2) ?? "null";
  return text.replaceAll(/[\u007f-\u009f]|\p{Cf}/gu, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** A name and what is known of it. */
export type Fact = readonly [name: string, text: string | undefined];

/** A line for each thing that is known. */
export function factLines(output: Output, facts: readonly Fact[]): string[] {
  return facts
    .filter(([, text]) => text !== undefined && text !== "")
    .map(([name, text]) => `  ${output.paint(name.padEnd(12), "dim")}${text}`);
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
