import type { Command } from "commander";
import { argumentAction, storeAction, storeCommand, withWord } from "./command.ts";
import { showEvent } from "./event.ts";
import { countEvents, type EventFlags, listEvents } from "./inbox.ts";
import { type RedeliverFlags, redeliverEvents } from "./redeliver.ts";
import { type LogFlags, logRulings } from "./rulings.ts";

/** `nevertwice inbox`: the events that came in. */
export function addInboxCommands(program: Command): void {
  const inbox = program.command("inbox").description("look at the events that came in");

  filtered(storeCommand(inbox, "list", "list events, newest first"))
    .option("--state <state>", "waiting, done, superseded, unhandled or dead")
    .option("--limit <number>", "at most so many", "20")
    .action(
      storeAction((store, output, flags: EventFlags & { readonly limit: string }) =>
        listEvents(store.inbox, flags, output),
      ),
    );

  storeCommand(inbox, "show", "show one event: state, names, deliveries, errors")
    .argument("<number>", "the event's number in the list")
    .option("--payload", "also what the provider sent, unless it is sealed")
    .action(
      argumentAction((store, output, number: string, flags: { readonly payload?: boolean }) =>
        showEvent(store.inbox, number, flags, output),
      ),
    );

  withWord(filtered(storeCommand(inbox, "redeliver", "let events that have ended wait again")))
    .argument("[number...]", "the events' numbers, unless a filter says which")
    .option("--state <state>", "dead, unless superseded or unhandled")
    .option("--limit <number>", "at most so many, the newest first; 100 unless set")
    .action(
      argumentAction((store, output, numbers: readonly string[], flags: RedeliverFlags) =>
        redeliverEvents(store.inbox, numbers, flags, output),
      ),
    );

  storeCommand(
    inbox,
    "counts",
    "count per source what came, and what only a sweep has found",
  ).action(storeAction((store, output) => countEvents(store.inbox, output)));

  storeCommand(inbox, "log", "list what persons ordered here, newest first")
    .option("--limit <number>", "at most so many", "20")
    .action(
      storeAction((store, output, flags: LogFlags) => logRulings(store.inbox, flags, output)),
    );
}

function filtered(command: Command): Command {
  return command
    .option("--source <source>", "of one endpoint")
    .option("--type <type>", "of one type")
    .option("--object <kind:id>", "about one object");
}
