#!/usr/bin/env node
import { Command } from "commander";
import { isNevertwiceError } from "../model/errors.ts";
import type { OperationStore } from "../store.ts";
import { readDemoOptions } from "./demo/options.ts";
import { superviseDemo } from "./demo/supervisor.ts";
import { type DoubtFlags, listDoubts } from "./doubts.ts";
import { EXIT, Exit } from "./exit.ts";
import type { KeyFlags } from "./find.ts";
import { type ListFlags, listOperations, showOperation } from "./inspect.ts";
import { openByUrl } from "./open-store.ts";
import { createOutput, type Output } from "./output.ts";
import { runSandbox, type SandboxFlags } from "./sandbox.ts";
import { resumeOperation, type SettleFlags, settleSteps, type WordFlags } from "./settle.ts";
import { migrateTables, type PruneFlags, printSchema, pruneTables } from "./tables.ts";
import { runWorker, type WorkerFlags } from "./worker.ts";

interface StoreFlags {
  readonly db?: string;
  readonly prefix?: string;
  readonly json?: boolean;
}

const EPILOGUE = `
The store is named by --db or NEVERTWICE_DB: a SQLite file or a postgres:// URL.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such operation.`;

const program = new Command("nevertwice")
  .description("One key, one outcome: operations that must not happen twice.")
  .addHelpText("after", EPILOGUE)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage));

program
  .command("demo")
  .description("start a shop and a payment provider to break things with")
  .option("--port <number>", "the shop's port (PORT, or 4242)")
  .option("--db <file or url>", "a SQLite file or a postgres:// URL")
  .option("--sandbox <url>", "a provider that runs already")
  .action(
    guarded(async (flags: Parameters<typeof readDemoOptions>[0]) => {
      const options = readDemoOptions(flags, process.env);
      if ("refused" in options) throw new Exit(EXIT.usage, options.refused);
      process.exitCode = await superviseDemo(options);
    }),
  );

program
  .command("sandbox")
  .description("start payment providers to test any application against")
  .option("--port <number>", "where it listens, on this machine only", "12111")
  .option("--file <file>", "what the providers remember", ".nevertwice/sandbox.db")
  .option("--seed <number>", "the same ids and the same faults by chance in each run")
  .option("--retention <duration>", "how long keys are kept, instead of each provider's own")
  .action(guarded((flags: SandboxFlags) => runSandbox(flags, createOutput(false))));

storeCommand("migrate", "create or upgrade the tables")
  .option("--namespace <name>", "the environment, kept in the store for external steps")
  .action(
    guarded(async (flags: StoreFlags & { readonly namespace?: string }) =>
      open(flags, (store, output) => migrateTables(store, flags.namespace, output), true),
    ),
  );

program
  .command("sql")
  .description("print the tables' DDL, for those who run their own migrations")
  .argument("<database>", '"postgres" or "sqlite"')
  .option("--prefix <text>", "what the tables' names begin with")
  .action(
    guarded(async (database: string, flags: StoreFlags) =>
      printSchema(database, flags.prefix, createOutput(false)),
    ),
  );

storeCommand("list", "list operations, newest first")
  .option("--state <state>", "running, waiting, in_doubt, succeeded or failed")
  .option("--name <name>", "of one operation")
  .option("--scope <scope>", "of one account")
  .option("--limit <number>", "at most so many", "20")
  .action(withStore((store, output, flags: ListFlags) => listOperations(store, flags, output)));

storeCommand("show", "show one operation: state, attempts, steps, outcome")
  .argument("<key>", "the idempotency key")
  .requiredOption("--scope <scope>", "the account that owns the key")
  .option("--origin <origin>", '"http" for keys of clients, "own" for keys of jobs')
  .option("--operation <name>", "for an operation whose keys are per operation")
  .action(
    guarded(async (key: string, flags: KeyFlags & StoreFlags) =>
      open(flags, (store, output) => showOperation(store, key, flags, output)),
    ),
  );

storeCommand("in-doubt", "list what waits for a person")
  .option("--name <name>", "of one operation")
  .option("--scope <scope>", "of one account")
  .option("--all", "also what resolves by itself")
  .option("--limit <number>", "at most so many", "50")
  .action(withStore((store, output, flags: DoubtFlags) => listDoubts(store, flags, output)));

wordCommand("settle", "[key]", "say what a step in doubt came to; its operation then runs on")
  .option("--step <name>", 'the step; "handler" for a handler that is only wrapped')
  .option("--executed <reference>", "it happened: the provider's own id of what was made")
  .option("--value <json>", "its value, where the effect cannot retrieve it by the reference")
  .option("--not-executed", "it did not happen, and may be sent again under a new provider key")
  .option("--from <file>", "many at once: a JSON document a line, with the same names")
  .action(
    guarded(async (key: string | undefined, flags: SettleFlags & StoreFlags) =>
      open(flags, (store, output) => settleSteps(store, key, flags, output)),
    ),
  );

wordCommand(
  "resume",
  "<key>",
  "run an operation in doubt again as it is, once its cause is mended",
).action(
  guarded(async (key: string, flags: KeyFlags & WordFlags & StoreFlags) =>
    open(flags, (store, output) => resumeOperation(store, key, flags, output)),
  ),
);

program
  .command("worker")
  .description("recover and prune with the operations that a module of yours declares")
  .requiredOption("--module <file>", "exports what nevertwice() returned, as `once`")
  .option("--once", "one pass, for cron")
  .option("--limit <number>", "how many are recovered at the same time", "16")
  .option("--json", "print one JSON document")
  .action(guarded((flags: WorkerFlags) => runWorker(flags, createOutput(flags.json === true))));

storeCommand("prune", "take away the responses of old operations; their keys stay known")
  .option("--older-than <duration>", "how long a response is kept", "7d")
  .option("--tombstones <duration>", "also forget keys that a key horizon refuses anyway")
  .action(withStore((store, output, flags: PruneFlags) => pruneTables(store, flags, output)));

function wordCommand(name: string, key: string, description: string): Command {
  return storeCommand(name, description)
    .argument(key, "the idempotency key")
    .option("--scope <scope>", "the account that owns the key")
    .option("--origin <origin>", '"http" for keys of clients, "own" for keys of jobs')
    .option("--operation <name>", "for an operation whose keys are per operation")
    .option("--reason <text>", "why you know; kept as evidence")
    .option("--by <name>", "who says so; the name of this machine's user unless set");
}

function storeCommand(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--db <file or url>", "the store (NEVERTWICE_DB)")
    .option("--prefix <text>", "what the tables' names begin with")
    .option("--json", "print one JSON document");
}

function withStore<Flags>(
  work: (store: OperationStore, output: Output, flags: Flags) => Promise<void>,
): (flags: Flags & StoreFlags) => Promise<void> {
  return guarded((flags) => open(flags, (store, output) => work(store, output, flags)));
}

async function open(
  flags: StoreFlags,
  work: (store: OperationStore, output: Output) => Promise<void>,
  create = false,
): Promise<void> {
  const { NEVERTWICE_DB } = process.env;
  const db = flags.db ?? NEVERTWICE_DB;
  if (db === undefined || db === "")
    throw new Exit(EXIT.usage, "Name the store: --db <file or postgres:// URL>, or NEVERTWICE_DB.");
  const opened = await openByUrl(db, create, flags.prefix);
  try {
    await work(opened.store, createOutput(flags.json === true));
  } finally {
    await opened.close();
  }
}

/** Errors become one sentence on stderr and an exit code; a stack is for bugs only. */
function guarded<Parameters extends unknown[]>(
  work: (...parameters: Parameters) => Promise<void>,
): (...parameters: Parameters) => Promise<void> {
  return (...parameters) =>
    work(...parameters).catch((error: unknown) => {
      const known = error instanceof Exit || isNevertwiceError(error);
      process.stderr.write(`nevertwice: ${known ? error.message : explain(error)}\n`);
      process.exitCode = error instanceof Exit ? error.code : EXIT.failed;
    });
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

void program.parseAsync();
