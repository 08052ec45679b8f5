import type { Trial } from "./lane.ts";

/** All trials of one fault point on one database. */
export interface Tally {
  readonly name: string;
  /** Nobody can know what happened, so it may rightly end unpaid and with a person. */
  readonly unpaid: boolean;
  readonly trials: Trial[];
}

const HEADINGS = [
  ...["fault", "runs", "charges", "orders", "answers", "final states"],
  ...["recovered, median", "max"],
];

/** A table in Markdown: one line a fault point, and one for all of them. */
export function tallyTable(tallies: readonly Tally[]): string {
  const met = tallies.filter(({ trials }) => trials.length > 0);
  const known = met.filter(({ unpaid }) => !unpaid);
  const name = known.length === met.length ? "all" : "all that somebody can know";
  const all = { name, unpaid: false, trials: known.flatMap(({ trials }) => trials) };
  const rows = [HEADINGS, HEADINGS.map(() => "---"), ...[...met, all].map(toCells)];
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function toCells({ name, trials }: Tally): string[] {
  const times = trials.map(({ recoveredMs }) => recoveredMs).sort((one, other) => one - other);
  const states = [...new Set(trials.map(({ state }) => state))].sort();
  return [
    name,
    String(trials.length),
    span(trials.map(({ charges }) => charges)),
    span(trials.map(({ orders }) => orders)),
    span(trials.map(({ answers }) => answers)),
    states.join("; "),
    seconds(times[times.length >> 1]),
    seconds(times.at(-1)),
  ];
}

/** The least and the greatest, or the one that all are. */
function span(numbers: readonly number[]): string {
  const least = Math.min(...numbers);
  const greatest = Math.max(...numbers);
  return least === greatest ? String(least) : `${least} to ${greatest}`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "" : `${(ms / 1_000).toFixed(1)} s`;
}
