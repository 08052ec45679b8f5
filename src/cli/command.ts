import type { Command } from "commander";
import { isNevertwiceError } from "../model/errors.ts";
import type { Store } from "../store.ts";
import { EXIT, Exit } from "./exit.ts";
import { openByUrl } from "./open-store.ts";
import { createOutput, type Output } from "./output.ts";

/** What every command on a store takes. */
export interface StoreFlags {
  readonly db?: string;
  readonly prefix?: string;
  readonly json?: boolean;
}

/** What a command does with the store; its arguments stand before its flags. */
type Work<Parameters extends unknown[]> = (
  store: Store,
  output: Output,
  ...parameters: Parameters
) => Promise<void>;

/** Adds a command that opens the store. */
export function storeCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option("--db <file or url>", "the store (NEVERTWICE_DB)")
    .option("--prefix <text>", "what the tables' names begin with")
    .option("--json", "print one JSON document");
}

/** Adds what every order of a person says. */
export function withWord(command: Command): Command {
  return command
    .option("--reason <text>", "why; it is kept with your name")
    .option("--by <name>", "who says so; the name of this machine's user unless set")
    .option("--dry-run", "only say what it would change; that you asked is kept");
}

/** The action of a command on the store. */
export function storeAction<Flags>(
  work: Work<[Flags]>,
  create = false,
): (flags: Flags & StoreFlags) => Promise<void> {
  return guarded((flags) => open(flags, (store, output) => work(store, output, flags), create));
}

/** The same for a command with an argument. */
export function argumentAction<Argument, Flags>(
  work: Work<[Argument, Flags]>,
): (argument: Argument, flags: Flags & StoreFlags) => Promise<void> {
  return guarded((argument, flags) =>
    open(flags, (store, output) => work(store, output, argument, flags)),
  );
}

async function open(flags: StoreFlags, work: Work<[]>, create = false): Promise<void> {
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
export function guarded<Parameters extends unknown[]>(
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
