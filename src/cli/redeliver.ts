import type { EventState } from "../model/event.ts";
import type { EventRecord, InboxStore } from "../store/inbox.ts";
import { EXIT, Exit } from "./exit.ts";
import { parseLimit, parseNumbers } from "./flags.ts";
import { type EventFlags, eventFilter } from "./inbox.ts";
import { giveOrder } from "./order.ts";
import { harmless, type Output } from "./output.ts";
import { type WordFlags, wordOf } from "./word.ts";

export interface RedeliverFlags extends EventFlags, WordFlags {
  readonly limit?: string;
  readonly dryRun?: boolean;
}

const LIMIT_DEFAULT = "100";

/** Why an event does not wait again. */
const REFUSED: Readonly<Partial<Record<EventState, string>>> = {
  done: "it was done, and what it did is committed; handled again, it could do so twice",
  waiting: "it waits already",
};

/** `nevertwice inbox redeliver`: makes events that have ended wait again. @throws Exit */
export async function redeliverEvents(
  inbox: InboxStore,
  texts: readonly string[],
  flags: RedeliverFlags,
  output: Output,
): Promise<void> {
  const numbers = parseNumbers(texts);
  const typed = eventFilter(flags);
  if (typed.state === "done" || typed.state === "waiting")
    throw new Exit(EXIT.usage, `Not those in the state ${typed.state}: ${REFUSED[typed.state]}.`);
  if (numbers === undefined && Object.keys(typed).length === 0)
    throw new Exit(EXIT.usage, "Name numbers, or --source, --state, --type or --object.");
  if (numbers !== undefined && flags.limit !== undefined)
    throw new Exit(EXIT.usage, "Numbers need no --limit.");
  const limit = numbers?.length ?? parseLimit(flags.limit ?? LIMIT_DEFAULT);
  // What was superseded or has no handler is meant only by somebody who says so.
  const chosen = numbers === undefined ? { state: "dead" as const, ...typed } : typed;
  const filter = { ...chosen, ...(numbers === undefined ? {} : { numbers }), limit };
  const dryRun = flags.dryRun === true;
  const ruling = { ...wordOf(flags), filter, dryRun };
  await giveOrder<EventRecord>(
    {
      ...{ noun: "event", numbers, limit, dryRun },
      effect: { real: "it waits again", dry: "it would wait again" },
      list: (wanted) => inbox.list({ numbers: wanted, limit: wanted.length }),
      give: () => inbox.redeliver(ruling),
      name: ({ number, source, type, object }) =>
        `${number} ${harmless(source)} ${harmless(type)} ${harmless(object)}`,
      refused: ({ state }) => REFUSED[state] ?? "its body is pruned, or the filter is for others",
    },
    output,
  );
}
