import type { Command } from "commander";
import { argumentAction, storeAction, storeCommand, withWord } from "./command.ts";
import { listMessages, type MessageFlags, showMessage } from "./outbox.ts";
import { type LogFlags, logRulings } from "./rulings.ts";
import { type MessageSettleFlags, settleMessages } from "./settle-messages.ts";

/** `nevertwice outbox`: the messages that go out. */
export function addOutboxCommands(program: Command): void {
  const outbox = program.command("outbox").description("look at the messages that go out");

  storeCommand(outbox, "list", "list messages, newest first")
    .option("--topic <topic>", "of one topic")
    .option("--state <state>", "waiting, sending, sent, in_doubt or dead")
    .option("--limit <number>", "at most so many", "20")
    .action(
      storeAction((store, output, flags: MessageFlags & { readonly limit: string }) =>
        listMessages(store, flags, output),
      ),
    );

  storeCommand(outbox, "show", "show one message: state, sends, doubt, errors")
    .argument("<number>", "the message's number in the list")
    .action(argumentAction((store, output, number: string) => showMessage(store, number, output)));

  withWord(storeCommand(outbox, "settle", "say what became of messages in doubt, or dead"))
    .argument("[number...]", "the messages' numbers, unless a filter says which")
    .option("--topic <topic>", "of one topic")
    .option("--state <state>", "in_doubt, unless dead")
    .option("--limit <number>", "at most so many, the newest first; 100 unless set")
    .option("--sent", "it has arrived")
    .option("--again", "it has not, or may come twice: it is sent again")
    .action(
      argumentAction((store, output, numbers: readonly string[], flags: MessageSettleFlags) =>
        settleMessages(store.outbox, numbers, flags, output),
      ),
    );

  storeCommand(outbox, "log", "list what persons ordered here, newest first")
    .option("--limit <number>", "at most so many", "20")
    .action(
      storeAction((store, output, flags: LogFlags) => logRulings(store.outbox, flags, output)),
    );
}
