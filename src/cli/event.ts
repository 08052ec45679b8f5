import { type EventBody, openEvent } from "../core/inbox/event.ts";
import { createSealer, isSealed } from "../core/seal.ts";
import { isoTime } from "../model/clock.ts";
import { systemRandom } from "../model/random.ts";
import type { EventRecord, InboxStore, StoredEvent } from "../store/inbox.ts";
import { EXIT, Exit, expectOk } from "./exit.ts";
import { parseNumber } from "./flags.ts";
import { conflictText } from "./inbox.ts";
import { type Fact, factLines, harmless, jsonText, type Output, paintState } from "./output.ts";

/** `nevertwice inbox show <number>`: all that is known of one event. */
export async function showEvent(
  inbox: InboxStore,
  text: string,
  flags: { readonly payload?: boolean },
  output: Output,
): Promise<void> {
  const number = parseNumber(text);
  const stored = expectOk(await inbox.read(number));
  if (stored === undefined) throw new Exit(EXIT.unknown, `There is no event ${number}.`);
  const body = bodyOf(stored);
  const isShown = flags.payload === true && body.kind === "clear";
  if (output.json) return output.document(toDocument(stored.record, body, isShown));
  output.line(output.paint(`event ${number}`, "bold"));
  for (const line of factLines(output, facts(output, stored.record, body))) output.line(line);
  if (isShown) output.line(jsonText(body.content.payload));
  else if (flags.payload) output.line(`There is no payload to show: its ${bodyText(body)}.`);
}

/** What of the body can be told without a key. */
type Body =
  | { readonly kind: "clear"; readonly bytes: number; readonly content: EventBody }
  | { readonly kind: "sealed" | "unreadable"; readonly bytes: number }
  | { readonly kind: "pruned" };

function bodyOf({ record, body }: StoredEvent): Body {
  if (body === undefined) return { kind: "pruned" };
  const bytes = body.length;
  if (isSealed(body)) return { kind: "sealed", bytes };
  const content = contentOf(record, body);
  return content === undefined ? { kind: "unreadable", bytes } : { kind: "clear", bytes, content };
}

function contentOf({ source, key }: EventRecord, body: Uint8Array): EventBody | undefined {
  const sealer = createSealer(undefined, systemRandom);
  try {
    const content = openEvent(sealer, source, { key, body });
    return typeof content === "object" && content !== null ? content : undefined;
  } catch {
    return undefined;
  }
}

function bodyText(body: Body): string {
  if (body.kind === "pruned") return "body is pruned";
  if (body.kind === "sealed") return "body is sealed, and the command line has no keys";
  if (body.kind === "unreadable") return `body of ${body.bytes} bytes cannot be read`;
  return `body has ${body.bytes} bytes; --payload prints it`;
}

function facts(output: Output, record: EventRecord, body: Body): Fact[] {
  const { receivedAt, endedAt, dueAt, deliveries, attempts, number } = record;
  const conflicts = conflictText(record);
  const { occurredAt, hint, evidence } = body.kind === "clear" ? body.content : {};
  return [
    ["state", paintState(output, record.state)],
    ["source", harmless(record.source)],
    ["type", harmless(record.type)],
    ["object", harmless(record.object)],
    ["key", harmless(record.key)],
    ["route", record.route === "sweep" ? "only a sweep has found it" : record.route],
    ["happened", occurredAt === undefined ? undefined : timeText(occurredAt)],
    ["received", isoTime(receivedAt)],
    ["deliveries", String(deliveries)],
    [
      "conflicts",
      conflicts &&
        output.paint(`${conflicts}: its key or another name of it came with other bytes`, "red"),
    ],
    ["attempts", String(attempts)],
    ["waits for", record.waitsFor && harmless(record.waitsFor)],
    ["handled at", dueAt === undefined ? undefined : isoTime(dueAt)],
    ["last error", record.error && harmless(record.error)],
    ["ended", endedAt === undefined ? undefined : isoTime(endedAt)],
    ["hint", hint ? "its payload proves nothing; the object is read back" : undefined],
    ["evidence", evidence && harmless(JSON.stringify(evidence))],
    ["body", bodyText(body).replace(/^body (?:is|has|of) /, "")],
    ["to do", adviceOf(record, number)],
  ];
}

/** What a person may do about it. */
function adviceOf({ state }: EventRecord, number: number): string | undefined {
  if (state === "dead")
    return `once its cause is mended: nevertwice inbox redeliver ${number} --reason "..."`;
  if (state === "unhandled")
    return `once a handler is declared: nevertwice inbox redeliver ${number} --reason "..."`;
  return undefined;
}

/** The last instant that a date can be, in milliseconds since 1970. */
const INSTANT_MAX = 8.64e15;

/** A provider's time may be any number. */
function timeText(ms: number): string {
  return Math.abs(ms) <= INSTANT_MAX ? isoTime(ms) : harmless(String(ms));
}

function toDocument(record: EventRecord, body: Body, isShown: boolean): unknown {
  const { payload, ...content } = body.kind === "clear" ? body.content : { payload: undefined };
  const { kind, bytes } = { bytes: undefined, ...body };
  // The record's object is the name that the inbox goes by; the content's has its two parts.
  const { object: about, ...told } = { object: undefined, ...content };
  return { ...record, ...told, about, body: kind, bytes, ...(isShown ? { payload } : {}) };
}
