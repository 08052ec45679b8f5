import type { StagedMessage } from "../../model/message.ts";
import { moveOf } from "../../model/progress.ts";
import type { ClaimedObject, EventEnd, EventWork, WaitingEvent } from "../../store/inbox.ts";
import type { MaybePromise } from "../../store.ts";
import { runInTransaction } from "../current.ts";
import { createWrite, type Write } from "../settlement.ts";
import type { InboxPorts } from "./accept.ts";
import { handlerOf, type InboxDefinition, objectOf } from "./declaration.ts";
import { eventId, type InboxEvent } from "./event.ts";
import { decodeMark, encodeMark } from "./mark.ts";

/** An event that can be handled now. */
export interface Ready {
  readonly event: WaitingEvent;
  readonly given: InboxEvent;
  /** Undefined if nobody handles its type. */
  readonly handler:
    | ((tx: unknown, event: InboxEvent, write: Write) => MaybePromise<unknown>)
    | undefined;
  /** The state that it brings, if the object's states are declared. */
  readonly state: string | undefined;
  /** What the store is to keep of the object once it is handled. */
  readonly mark: string | undefined;
  readonly superseded: boolean;
}

/**
 * Which state the event brings, and whether its handler is still to run.
 *
 * @param mark what the object's last handler left
 * @throws what the user's functions throw, for a state that `order` does not name, and where what
 *   was read is older than what was applied
 */
export function weighed(
  definition: InboxDefinition,
  mark: string | undefined,
  event: WaitingEvent,
  given: InboxEvent,
): Ready {
  const declared = handlerOf(definition, event.type);
  const { states, version: versionOf, read } = objectOf(definition, given.object) ?? {};
  const applied = decodeMark(mark, versionOf !== undefined);
  const version = versionOf?.(given.current as never, given);
  if (version !== undefined && !Number.isFinite(version))
    throw new Error(`The version ${version} is not a number that can be compared.`);
  const isOld = version !== undefined && version < (applied.version ?? version);
  if (isOld && read !== undefined) throw new Error("What was read is older than what was applied.");
  const state = states?.of(given.current as never, given);
  const move = states && state !== undefined ? moveOf(states, applied.state, state) : "same";
  if (move === "unknown")
    throw new Error(`The state "${state}" is not in \`order\`. Add it where it belongs.`);
  // A state may be corrected; a version that is older is only late.
  const superseded = isOld || (move === "behind" && declared?.nature !== "corrective");
  const next = encodeMark({ state, version });
  return { event, given, handler: declared?.handler, state, mark: next, superseded };
}

/** What the store keeps of an object once the event has been handled. */
export function markAfter(mark: string | undefined, one: Ready): string | undefined {
  return one.superseded ? mark : (one.mark ?? mark);
}

/** What one transaction is to do. */
export interface Batch {
  readonly definition: InboxDefinition;
  readonly claimed: ClaimedObject;
  readonly ready: readonly Ready[];
  /** The ends that are known already. */
  readonly ends: readonly EventEnd[];
  readonly keeps: boolean;
}

/** A call of the user's: a handler's, or that of an object whose state has moved. */
interface Call {
  readonly key: string;
  readonly place: string;
  run(write: Write): MaybePromise<unknown>;
}

/** The handlers' writes, their messages, the ends of their events and the object's new state. */
export function workOf(
  ports: InboxPorts,
  batch: Batch,
  tx: unknown,
): MaybePromise<EventWork<readonly EventEnd[]>> {
  const { claimed, ready, keeps } = batch;
  const ends = [...batch.ends, ...ready.map(endOf)];
  const messages: StagedMessage[] = [];
  const calls = [...ready.flatMap((one) => handlerCall(one, tx)), ...applyCall(batch, tx)];
  const finish = (): EventWork<readonly EventEnd[]> => {
    const state = newest(batch)?.mark;
    return { ends, state, messages, keeps, value: ends };
  };
  return inTurn(
    calls.map((call) => () => withWrite(ports, claimed.source, call, messages)),
    finish,
  );
}

function endOf({ event: { number }, handler, state, superseded }: Ready): EventEnd {
  if (superseded) return { number, kind: "superseded" };
  return { number, kind: handler === undefined && state === undefined ? "unhandled" : "done" };
}

/** The last event that is not behind: what was read is the same for all of them. */
function newest({ ready }: Batch): Ready | undefined {
  return ready.findLast(({ mark, superseded }) => mark !== undefined && !superseded);
}

function handlerCall({ event, given, handler, superseded }: Ready, tx: unknown): Call[] {
  if (handler === undefined || superseded) return [];
  return [{ key: event.key, place: "event", run: (write) => handler(tx, given, write) }];
}

function applyCall(batch: Batch, tx: unknown): Call[] {
  const last = newest(batch);
  const declaration = last && objectOf(batch.definition, last.given.object);
  if (last?.state === undefined || declaration?.apply === undefined) return [];
  const { apply, states, version } = declaration;
  const { given, state: to } = last;
  const from = decodeMark(batch.claimed.state, version !== undefined).state;
  if (states === undefined || moveOf(states, from, to) === "same") return [];
  const move = { id: given.object?.id ?? "", from, to };
  const run = (write: Write): unknown => apply(tx, given.current as never, move, write);
  return [{ key: last.event.key, place: "apply", run }];
}

/** Each call has a writer of its own, whose messages are sealed for its event. */
function withWrite(
  ports: InboxPorts,
  source: string,
  { key, place, run }: Call,
  messages: StagedMessage[],
): MaybePromise<void> {
  const origin = eventId(source, key);
  const staged = createWrite(ports, origin, place);
  const end = (): void => {
    staged.close();
    messages.push(...staged.messages.map((message) => ({ ...message, origin })));
  };
  const returned = runInTransaction(() => run(staged.write));
  return isThenable(returned) ? returned.then(end) : end();
}

/** One call after the other, without a promise where none of them gives one. */
function inTurn<T>(calls: readonly (() => MaybePromise<void>)[], finish: () => T): MaybePromise<T> {
  for (const [index, call] of calls.entries()) {
    const returned = call();
    if (isThenable(returned)) return returned.then(() => inTurn(calls.slice(index + 1), finish));
  }
  return finish();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}
