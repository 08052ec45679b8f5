import type { MessageState } from "../model/message.ts";
import type { MessageRecord, OutboxStore } from "../store/outbox.ts";
import { EXIT, Exit } from "./exit.ts";
import { parseLimit, parseNumbers } from "./flags.ts";
import { giveOrder } from "./order.ts";
import { type MessageFlags, messageFilter } from "./outbox.ts";
import { harmless, type Output } from "./output.ts";
import { type WordFlags, wordOf } from "./word.ts";

export interface MessageSettleFlags extends MessageFlags, WordFlags {
  readonly sent?: boolean;
  readonly again?: boolean;
  readonly limit?: string;
  readonly dryRun?: boolean;
}

const LIMIT_DEFAULT = "100";

/** Why a message is not settled. */
const REFUSED: Readonly<Partial<Record<MessageState, string>>> = {
  sent: "it was sent, and is never sent again",
  waiting: "it waits, and is sent by itself",
  sending: "it is being sent: wait until that is over, and look again",
};

const EFFECT = {
  sent: { real: "it is kept as sent", dry: "it would be kept as sent" },
  waiting: { real: "it is sent again", dry: "it would be sent again" },
} as const;

/** `nevertwice outbox settle`: the word of a person on messages in doubt or dead. @throws Exit */
export async function settleMessages(
  outbox: OutboxStore,
  texts: readonly string[],
  flags: MessageSettleFlags,
  output: Output,
): Promise<void> {
  const numbers = parseNumbers(texts);
  const typed = messageFilter(flags);
  const refusal = typed.state && REFUSED[typed.state];
  if (refusal !== undefined)
    throw new Exit(EXIT.usage, `Not those in the state ${typed.state}: ${refusal}.`);
  if (numbers === undefined && Object.keys(typed).length === 0)
    throw new Exit(EXIT.usage, "Name numbers, or --topic or --state.");
  if ((flags.sent === true) === (flags.again === true))
    throw new Exit(EXIT.usage, "Say either --sent or --again.");
  if (numbers !== undefined && flags.limit !== undefined)
    throw new Exit(EXIT.usage, "Numbers need no --limit.");
  const limit = numbers?.length ?? parseLimit(flags.limit ?? LIMIT_DEFAULT);
  // What a receiver has refused is meant only by somebody who says so.
  const chosen = numbers === undefined ? { state: "in_doubt" as const, ...typed } : typed;
  const filter = { ...chosen, ...(numbers === undefined ? {} : { numbers }), limit };
  const dryRun = flags.dryRun === true;
  const to = flags.sent ? "sent" : "waiting";
  const ruling = { ...wordOf(flags), filter, dryRun, to } as const;
  await giveOrder<MessageRecord>(
    {
      ...{ noun: "message", numbers, limit, dryRun, effect: EFFECT[to] },
      list: (wanted) => outbox.list({ numbers: wanted, limit: wanted.length }),
      give: () => outbox.settle(ruling),
      name: ({ number, topic, key }) => `${number} ${harmless(topic)} ${harmless(key)}`,
      refused: ({ state }) => REFUSED[state] ?? "the filter is for others",
    },
    output,
  );
}
