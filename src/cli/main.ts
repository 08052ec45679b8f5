#!/usr/bin/env node
import { Command } from "commander";
import { isNevertwiceError } from "../model/errors.ts";
import type { OperationStore } from "../store.ts";
import { readDemoOptions } from "./demo/options.ts";
import { superviseDemo } from "./demo/supervisor.ts";
import { EXIT, Exit } from "./exit.ts";
import { type ListFlags, listOperations, type ShowFlags, showOperation } from "./inspect.ts";
import { openByUrl } from "./open-store.ts";
import { createOutput, type Output } from "./output.ts";
import { migrateTables, type PruneFlags, printSchema, pruneTables } from "./tables.ts";

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
    guarded(async (key: string, flags: ShowFlags & StoreFlags) =>
      open(flags, (store, output) => showOperation(store, key, flags, output)),
    ),
  );

storeCommand("prune", "take away the responses of old operations; their keys stay known")
  .option("--older-than <duration>", "how long a response is kept", "7d")
  .option("--tombstones <duration>", "also forget keys that a key horizon refuses anyway")
  .action(withStore((store, output, flags: PruneFlags) => pruneTables(store, flags, output)));

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
