import { readFileSync } from "node:fs";
import {
  type Desk,
  type Named,
  resumeByWord,
  type StepWord,
  settleByWord,
  type Word,
} from "../core/reopen.ts";
import { createSealer, isSealed } from "../core/seal.ts";
import { createSettings } from "../core/settings.ts";
import { systemClock } from "../model/clock.ts";
import { systemRandom } from "../model/random.ts";
import type { OperationStore, Reopened, Snapshot } from "../store.ts";
import { EXIT, Exit } from "./exit.ts";
import { findOperation, type KeyFlags } from "./find.ts";
import type { Output } from "./output.ts";
import { type WordFlags, wordOf } from "./word.ts";

export interface SettleFlags extends KeyFlags, WordFlags {
  readonly step?: string;
  readonly executed?: string;
  readonly value?: string;
  readonly notExecuted?: boolean;
  readonly from?: string;
}

/** What became of a word, in a sentence. */
const SAID: Readonly<Record<Reopened, string>> = {
  reopened: "kept as evidence; the operation is due now and runs on with a worker or a retry",
  missing: "there is no such operation",
  held: "an attempt is running: wait until its lease is over, and look again",
  final: "it is final already, so nothing was changed",
  "no-such-step": "it never began a step of that name; `nevertwice show` lists its steps",
  "settled-before": "that step has a result already, so nothing was changed",
};

/** `nevertwice settle <key>`: the word of a person on one step, or on many from a file. */
export async function settleSteps(
  store: OperationStore,
  key: string | undefined,
  flags: SettleFlags,
  output: Output,
): Promise<void> {
  const word = wordOf(flags);
  if ((key === undefined) === (flags.from === undefined))
    throw new Exit(EXIT.usage, "Name one key, or a file of them with --from.");
  const lines = key === undefined ? readLines(flags.from ?? "") : [{ ...flags, key }];
  const results: Said[] = [];
  for (const line of lines) {
    const step = stepWord(line, word);
    results.push(
      await say(store, line.key, line, (desk, named, snapshot) => {
        refuseClearValue(step, snapshot);
        return settleByWord(desk, named, step);
      }),
    );
  }
  tell(results, output);
}

/** `nevertwice resume <key>`: run the operation again as it is, after the cause was mended. */
export async function resumeOperation(
  store: OperationStore,
  key: string,
  flags: KeyFlags & WordFlags,
  output: Output,
): Promise<void> {
  const word = wordOf(flags);
  const said = await say(store, key, flags, (desk, named) => resumeByWord(desk, named, word));
  tell([said], output);
}

interface Said {
  readonly scope: string;
  readonly key: string;
  readonly answer: Reopened;
}

interface Line extends KeyFlags {
  readonly key: string;
  readonly step?: string;
  readonly executed?: string;
  readonly value?: unknown;
  readonly notExecuted?: boolean;
}

async function say(
  store: OperationStore,
  key: string,
  flags: KeyFlags,
  speak: (desk: Desk, named: Named, snapshot: Snapshot) => Promise<Reopened>,
): Promise<Said> {
  const snapshot = await findOperation(store, key, flags);
  const sealer = createSealer(undefined, systemRandom);
  const desk: Desk = { store, sealer, clock: systemClock, settings: createSettings({}) };
  const answer = await speak(desk, { id: snapshot.record.id }, snapshot);
  return { scope: flags.scope, key, answer };
}

function stepWord({ step, executed, value, notExecuted }: Line, word: Word): StepWord {
  if (step === undefined)
    throw new Exit(EXIT.usage, 'Name the step with --step; a wrapped handler\'s is "handler".');
  if ((executed === undefined) === (notExecuted !== true))
    throw new Exit(EXIT.usage, "Say either --executed <reference> or --not-executed.");
  if (executed === undefined) return { ...word, step, notExecuted: true };
  if (value === undefined) return { ...word, step, executed };
  return { ...word, step, executed, value: typeof value === "string" ? parse(value) : value };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Exit(EXIT.usage, '--value is JSON, such as \'{"id":"ch_1"}\'.');
  }
}

/** The command has no keys, and an encrypted operation refuses what is not sealed. */
function refuseClearValue(word: StepWord, { record }: Snapshot): void {
  if (!("value" in word) || word.value === undefined) return;
  if (record.request === undefined || !isSealed(record.request.input)) return;
  throw new Exit(
    EXIT.usage,
    "This store is encrypted: give the value from code, with once.settle(...).",
  );
}

/** One JSON document a line: { scope, key, step, executed | notExecuted, value? }. */
function readLines(file: string): readonly Line[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new Exit(EXIT.usage, `There is no file ${file} to read.`);
  }
  return text
    .split("\n")
    .map((line, index) => [line.trim(), index + 1] as const)
    .filter(([line]) => line !== "")
    .map(([line, number]) => {
      const known = parseLine(line, number);
      if (typeof known.key === "string" && typeof known.scope === "string") return known;
      throw new Exit(EXIT.usage, `Line ${number} names no key and scope.`);
    });
}

function parseLine(line: string, number: number): Line {
  try {
    return Object(JSON.parse(line)) as Line;
  } catch {
    throw new Exit(EXIT.usage, `Line ${number} is not a JSON document.`);
  }
}

function tell(results: readonly Said[], output: Output): void {
  if (output.json) output.document(results);
  else for (const { key, answer } of results) output.line(`${key}: ${SAID[answer]}`);
  if (results.some(({ answer }) => answer !== "reopened")) process.exitCode = EXIT.failed;
}
