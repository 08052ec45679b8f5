#!/usr/bin/env node
import { Command } from "commander";
import { argumentAction, guarded, type StoreFlags, storeAction, storeCommand } from "./command.ts";
import { readDemoOptions } from "./demo/options.ts";
import { superviseDemo } from "./demo/supervisor.ts";
import { type DoubtFlags, listDoubts } from "./doubts.ts";
import { EXIT, Exit } from "./exit.ts";
import type { KeyFlags } from "./find.ts";
import { addInboxCommands } from "./inbox-commands.ts";
import { type ListFlags, listOperations, showOperation } from "./inspect.ts";
import { addOutboxCommands } from "./outbox-commands.ts";
import { createOutput } from "./output.ts";
import { type PruneFlags, pruneTables } from "./prune.ts";
import { runSandbox, type SandboxFlags } from "./sandbox.ts";
import { resumeOperation, type SettleFlags, settleSteps } from "./settle.ts";
import { migrateTables, printSchema } from "./tables.ts";
import type { WordFlags } from "./word.ts";
import { runWorker, type WorkerFlags } from "./worker.ts";

const EPILOGUE = `
The store is named by --db or NEVERTWICE_DB: a SQLite file or a postgres:// URL.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such operation, event or message.`;

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

storeCommand(program, "migrate", "create or upgrade the tables")
  .option("--namespace <name>", "the environment, kept in the store for external steps")
  .action(
    storeAction(
      (store, output, flags: { readonly namespace?: string }) =>
        migrateTables(store, flags.namespace, output),
      true,
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

storeCommand(program, "list", "list operations, newest first")
  .option("--state <state>", "running, waiting, in_doubt, succeeded or failed")
  .option("--name <name>", "of one operation")
  .option("--scope <scope>", "of one account")
  .option("--limit <number>", "at most so many", "20")
  .action(storeAction((store, output, flags: ListFlags) => listOperations(store, flags, output)));

storeCommand(program, "show", "show one operation: state, attempts, steps, outcome")
  .argument("<key>", "the idempotency key")
  .requiredOption("--scope <scope>", "the account that owns the key")
  .option("--origin <origin>", '"http" for keys of clients, "own" for keys of jobs')
  .option("--operation <name>", "for an operation whose keys are per operation")
  .action(
    argumentAction((store, output, key: string, flags: KeyFlags) =>
      showOperation(store, key, flags, output),
    ),
  );

storeCommand(program, "in-doubt", "list what waits for a person")
  .option("--name <name>", "of one operation")
  .option("--scope <scope>", "of one account")
  .option("--all", "also what resolves by itself")
  .option("--limit <number>", "at most so many", "50")
  .action(storeAction((store, output, flags: DoubtFlags) => listDoubts(store, flags, output)));

wordCommand("settle", "[key]", "say what a step in doubt came to; its operation then runs on")
  .option("--step <name>", 'the step; "handler" for a handler that is only wrapped')
  .option("--executed <reference>", "it happened: the provider's own id of what was made")
  .option("--value <json>", "its value, where the effect cannot retrieve it by the reference")
  .option("--not-executed", "it did not happen, and may be sent again under a new provider key")
  .option("--from <file>", "many at once: a JSON document a line, with the same names")
  .action(
    argumentAction((store, output, key: string | undefined, flags: SettleFlags) =>
      settleSteps(store, key, flags, output),
    ),
  );

wordCommand(
  "resume",
  "<key>",
  "run an operation in doubt again as it is, once its cause is mended",
).action(
  argumentAction((store, output, key: string, flags: KeyFlags & WordFlags) =>
    resumeOperation(store, key, flags, output),
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

storeCommand(program, "prune", "take away the responses of old operations; their keys stay known")
  .option("--older-than <duration>", "how long a response is kept", "7d")
  .option("--tombstones <duration>", "also forget keys that a key horizon refuses anyway")
  .option("--events <duration>", "also the bodies of events that were done longer ago")
  .option("--event-keys <duration>", "and their keys, 400d unless set: later they would be new")
  .option("--messages <duration>", "also the payloads of messages that arrived longer ago")
  .action(storeAction((store, output, flags: PruneFlags) => pruneTables(store, flags, output)));

function wordCommand(name: string, key: string, description: string): Command {
  return storeCommand(program, name, description)
    .argument(key, "the idempotency key")
    .option("--scope <scope>", "the account that owns the key")
    .option("--origin <origin>", '"http" for keys of clients, "own" for keys of jobs')
    .option("--operation <name>", "for an operation whose keys are per operation")
    .option("--reason <text>", "why you know; kept as evidence")
    .option("--by <name>", "who says so; the name of this machine's user unless set");
}

addInboxCommands(program);
addOutboxCommands(program);

void program.parseAsync();
