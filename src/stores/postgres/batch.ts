import type { Answer } from "../../store.ts";
import { waiting as toWaiting } from "./calls.ts";
import type { Cell, Row } from "./client.ts";
import { grouped, type Overtaking } from "./groups.ts";
import { type Call, callMany, callOne, type FunctionName } from "./signatures.ts";
import type { Names } from "./statements.ts";

/** One statement with its parameters. */
export type Run = (sql: string, values: readonly Cell[]) => Promise<Answer<readonly Row[]>>;

/** What a batch is sent with: `alone` must not wait for a lock, `wrapped` may. */
export interface Runs {
  readonly alone: Run;
  readonly wrapped: Run;
}

interface Entry {
  readonly call: Call;
  readonly resolve: (answer: Answer<string>) => void;
}

/**
 * Group commit: calls that arrive while a statement is in flight leave together as one statement
 * when it returns. Nothing waits when nothing is in flight.
 */
export function batches(
  names: Names,
  runs: Runs,
  overtaking?: Overtaking,
): (call: Call) => Promise<Answer<string>> {
  const lanes = new Map<FunctionName, (call: Call) => Promise<Answer<string>>>();
  return (call) => {
    const known = lanes.get(call.name) ?? lane(names, runs, overtaking);
    lanes.set(call.name, known);
    return known(call);
  };
}

function lane(
  names: Names,
  runs: Runs,
  overtaking: Overtaking | undefined,
): (call: Call) => Promise<Answer<string>> {
  const join = grouped<Entry>({
    sizeOf: ({ call }) => call.values.reduce((sum, value) => sum + (value?.length ?? 0), 0),
    send: (entries) => send(names, runs, entries),
    overtaking,
  });
  return (call) => new Promise((resolve) => join({ call, resolve }));
}

async function send(names: Names, runs: Runs, entries: readonly Entry[]): Promise<void> {
  const [first] = entries;
  if (first === undefined) return;
  if (entries.length === 1)
    return give(names, runs, first, await single(names, runs.alone, first.call));
  // Two batches with the same rows in another order would lock each other out.
  const sorted = entries.toSorted((a, b) => compare(a.call.values[0], b.call.values[0]));
  const answer = await together(names, runs, first.call.name, sorted);
  if (answer.kind === "ok") {
    const texts = new Map(answer.value.map(([text, position]) => [position, text]));
    sorted.forEach((entry, index) => {
      const text = texts.get(String(index + 1));
      give(names, runs, entry, typeof text === "string" ? ok(text) : unanswered());
    });
  } else if (answer.kind === "not-applied" && !answer.again) {
    // One of them broke a rule, and the others must not suffer for it.
    await Promise.all(
      sorted.map(async (entry) =>
        give(names, runs, entry, await single(names, runs.alone, entry.call)),
      ),
    );
  } else {
    for (const { resolve } of sorted) resolve(answer);
  }
}

/** A value that cannot be sent, such as a number for a text, is one call's fault. */
async function together(
  names: Names,
  runs: Runs,
  name: FunctionName,
  entries: readonly Entry[],
): Promise<Answer<readonly Row[]>> {
  try {
    return await runs.alone(callMany(names, name), columns(entries));
  } catch (error) {
    return { kind: "not-applied", error, again: false };
  }
}

/** Answers a call; one that met a lock waits for it by itself, so that nobody waits behind it. */
function give(names: Names, runs: Runs, entry: Entry, answer: Answer<string>): void {
  const text = answer.kind === "ok" ? answer.value : "";
  if (text === "locked") {
    void single(names, runs.wrapped, toWaiting(entry.call)).then(entry.resolve);
  } else if (text === "vanished") {
    const error = new Error("The record was pruned during the claim.");
    entry.resolve({ kind: "not-applied", error, again: true });
  } else {
    entry.resolve(answer);
  }
}

async function single(names: Names, run: Run, call: Call): Promise<Answer<string>> {
  const answer = await run(callOne(names, call.name), call.values);
  if (answer.kind !== "ok") return answer;
  const text = answer.value[0]?.[0];
  return typeof text === "string" ? ok(text) : unanswered();
}

const ok = (value: string): Answer<string> => ({ kind: "ok", value });

const unanswered = (): Answer<string> => ({
  kind: "not-known",
  error: new Error("The database gave no row for a call."),
});

const compare = (a: Cell | undefined, b: Cell | undefined): number =>
  (a ?? "") < (b ?? "") ? -1 : Number(a !== b);

/** One array literal for each parameter. */
function columns(entries: readonly Entry[]): string[] {
  const width = entries[0]?.call.values.length ?? 0;
  return Array.from({ length: width }, (_, column) =>
    arrayLiteral(entries.map(({ call }) => call.values[column] ?? null)),
  );
}

/** A Postgres array of texts; quoted elements need only the backslash and the quote escaped. */
export function arrayLiteral(cells: readonly Cell[]): string {
  const elements = cells.map((cell) =>
    cell === null ? "NULL" : `"${cell.replace(/[\\"]/g, "\\$&")}"`,
  );
  return `{${elements.join(",")}}`;
}
