import { isoTime } from "../model/clock.ts";
import { MESSAGE_STATES } from "../model/message.ts";
import type { MessageFilter, MessageRecord } from "../store/outbox.ts";
import type { Store } from "../store.ts";
import { EXIT, Exit, expectOk } from "./exit.ts";
import { parseChoice, parseLimit, parseNumber } from "./flags.ts";
import { printListing } from "./listing.ts";
import { type Fact, factLines, harmless, type Output, paintState } from "./output.ts";

/** Which messages are meant, as it was typed. */
export interface MessageFlags {
  readonly topic?: string;
  readonly state?: string;
}

/** @throws Exit */
export function messageFilter(flags: MessageFlags): Omit<MessageFilter, "limit"> {
  const { topic } = flags;
  const state = parseChoice(flags.state, MESSAGE_STATES, "--state");
  return {
    ...(topic === undefined ? {} : { topic }),
    ...(state === undefined ? {} : { state }),
  };
}

function settleHelp(number: number | "<number>"): string {
  return `nevertwice outbox settle ${number} --sent (it has arrived)
  or --again (it has not, or may come twice), and --reason "..."`;
}

/** `nevertwice outbox list`: the newest messages, one a line. */
export async function listMessages(
  { outbox }: Pick<Store, "outbox">,
  flags: MessageFlags & { readonly limit: string },
  output: Output,
): Promise<void> {
  const filter = { ...messageFilter(flags), limit: parseLimit(flags.limit) };
  const messages = expectOk(await outbox.list(filter));
  if (output.json) return output.document(messages);
  if (messages.length === 0) return output.line("No messages.");
  printListing(
    output,
    ["number", "topic", "key", "aggregate", "staged", "sends"],
    messages.map((message) => ({
      state: message.state,
      cells: [
        String(message.number),
        harmless(message.topic),
        harmless(message.key),
        harmless(message.aggregate ?? "-"),
        isoTime(message.stagedAt),
        String(message.sends),
      ],
      alarm: isOpenDoubt(message) ? "may have arrived" : undefined,
      below: message.error === undefined || isSent(message) ? [] : [harmless(message.error)],
    })),
  );
  if (messages.some(isUnsettled)) output.line(output.paint(`\n${settleHelp("<number>")}`, "dim"));
}

function isSent({ state }: MessageRecord): boolean {
  return state === "sent";
}

/** The state in doubt says so by itself. */
function isOpenDoubt({ state, doubted }: MessageRecord): boolean {
  return doubted && (state === "waiting" || state === "sending");
}

function isUnsettled({ state }: MessageRecord): boolean {
  return state === "in_doubt" || state === "dead";
}

/** `nevertwice outbox show <number>`: all that is known of one message, but for its payload. */
export async function showMessage(
  { outbox, read }: Pick<Store, "outbox" | "read">,
  text: string,
  output: Output,
): Promise<void> {
  const number = parseNumber(text);
  const [message] = expectOk(await outbox.list({ numbers: [number], limit: 1 }));
  if (message === undefined) throw new Exit(EXIT.unknown, `There is no message ${number}.`);
  if (output.json) return output.document(message);
  const operation = expectOk(await read(message.origin))?.record;
  const { scope, key } = operation?.request ?? {};
  const known = [operation?.name, scope, key].filter((part) => part !== undefined);
  const staged = known.length === 0 ? `an event (${message.origin.slice(0, 16)})` : known.join(" ");
  output.line(output.paint(`message ${number}`, "bold"));
  for (const line of factLines(output, facts(output, message, harmless(staged)))) output.line(line);
  if (isUnsettled(message)) output.line(output.paint(settleHelp(number), "dim"));
}

function facts(output: Output, message: MessageRecord, stagedBy: string): Fact[] {
  const { aggregate, firstSentAt, dueAt, reference, error, endedAt } = message;
  const time = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : isoTime(ms);
  const behind = aggregate === undefined ? "" : ", after earlier ones of its aggregate";
  return [
    ["state", paintState(output, message.state)],
    ["topic", harmless(message.topic)],
    ["key", harmless(message.key)],
    ["aggregate", aggregate && harmless(aggregate)],
    ["staged by", stagedBy],
    ["staged", isoTime(message.stagedAt)],
    ["sends", String(message.sends)],
    ["first sent", time(firstSentAt)],
    ["doubt", message.doubted ? output.paint("a send may have arrived", "red") : undefined],
    ["sent next", dueAt === undefined ? undefined : `${isoTime(dueAt)}${behind}`],
    ["reference", reference && harmless(reference)],
    ["last error", error && harmless(error)],
    ["ended", time(endedAt)],
  ];
}
