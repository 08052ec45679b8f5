import { NevertwiceError } from "../../model/errors.ts";
import type { EventObject } from "../../model/event.ts";
import type { Progress } from "../../model/progress.ts";
import type { CallbackMode, MaybePromise } from "../../store.ts";
import type { Write } from "../settlement.ts";
import type { InboxEvent } from "./event.ts";
import type { Sweep } from "./sweep-list.ts";

/** What a callback may return: no promise where the store's callbacks are synchronous. */
type Returned<Mode extends CallbackMode> = Mode extends "sync"
  ? // biome-ignore lint/suspicious/noConfusingVoidType: it may end with a call that gives nothing.
    undefined | null | string | number | boolean | { readonly then?: never } | void
  : unknown;

/** Runs in one transaction with its event's end; it runs again if that was not committed. */
export type EventHandler<Tx, Mode extends CallbackMode> = (
  tx: Tx,
  event: InboxEvent,
  write: Write,
) => Returned<Mode>;

/**
 * `repeating`: every event counts, also a second one of the same type and object. `once-only`: a
 * type that happens to an object once, so that a second event of it is superseded. `corrective`: it
 * may take the object back to an earlier state.
 */
export type EventNature = "repeating" | "once-only" | "corrective";

/** A handler and what kind of event it is for; the handler alone is for a repeating one. */
export type EventDeclaration<Tx, Mode extends CallbackMode> =
  | EventHandler<Tx, Mode>
  | { readonly nature: EventNature; readonly handler: EventHandler<Tx, Mode> };

/** Handlers by the type of the event; `*` is for all others. */
export type EventHandlers<Tx, Mode extends CallbackMode> = Readonly<
  Record<string, EventDeclaration<Tx, Mode>>
>;

/** What is known of a kind of object that events are about. */
export interface ObjectDeclaration<Tx, Mode extends CallbackMode, Current = unknown> {
  /**
   * Asks the provider for the object as it is now, outside of any transaction, once for all events
   * of it that wait; undefined if it is not there.
   */
  readonly read?: (
    id: string,
    call: { readonly signal: AbortSignal },
  ) => Promise<Current | undefined>;
  /** Whether what was read is older than the event, so that it has to be read again. */
  readonly isBehind?: (current: Current, event: InboxEvent) => boolean;
  /**
   * The object's own version or time of change, which only grows: what is read may be older than
   * what an earlier reading has applied, and then it is read again.
   */
  readonly version?: (current: Current, event: InboxEvent) => number;
  /** The object's states, which only move forward but for those pairs that `also` names. */
  readonly states?: Progress & {
    /** The state that an event brings: of what was read, or of the event's own payload. */
    readonly of: (current: Current, event: InboxEvent) => string;
  };
  /** Runs when the object's state has moved, in the transaction of its events. */
  readonly apply?: (
    tx: Tx,
    current: Current,
    move: { readonly id: string; readonly from: string | undefined; readonly to: string },
    write: Write,
  ) => Returned<Mode>;
}

export interface InboxOptions<Tx, Mode extends CallbackMode, Objects = object> {
  /**
   * `queued`: stored and acknowledged at once, then handled by a worker. `inline`: handled in the
   * transaction that takes the event in, for local effects; what fails there is queued.
   */
  readonly mode?: "queued" | "inline";
  /** By the kind of the object, such as `payment_intent`. */
  readonly objects?: {
    readonly [Kind in keyof Objects]: ObjectDeclaration<Tx, Mode, Objects[Kind]>;
  };
  /** Fetches the provider's own list of events, for webhooks that never came. */
  readonly sweep?: Sweep;
  /** How often to sweep, in milliseconds; 15 minutes by default. */
  readonly sweepEveryMs?: number;
  /** How long a failing event is tried, in milliseconds from its arrival; 72 hours by default. */
  readonly retryForMs?: number;
  /** How long `read` may take, in milliseconds; 10 s by default. */
  readonly readMs?: number;
}

/** An inbox as it was declared, without its types. */
export interface InboxDefinition {
  readonly source: string;
  readonly mode: "queued" | "inline";
  readonly handlers: ReadonlyMap<string, Declared>;
  readonly objects: ReadonlyMap<string, ObjectDeclaration<unknown, CallbackMode>>;
  readonly sweep: Sweep | undefined;
  readonly sweepEveryMs: number;
  readonly retryForMs: number;
  readonly readMs: number;
}

interface Declared {
  readonly nature: EventNature;
  readonly handler: (tx: unknown, event: InboxEvent, write: Write) => MaybePromise<unknown>;
}

const NATURES: readonly EventNature[] = ["repeating", "once-only", "corrective"];
const HOUR_MS = 3_600_000;

/** @throws option-invalid */
export function inboxDefinition(
  source: string,
  handlers: EventHandlers<never, CallbackMode>,
  options: InboxOptions<never, CallbackMode> = {},
): InboxDefinition {
  const { mode = "queued", sweep, sweepEveryMs = 900_000 } = options;
  const { retryForMs = 72 * HOUR_MS, readMs = 10_000 } = options;
  if (mode !== "queued" && mode !== "inline") throw invalid('`mode` is "queued" or "inline".');
  for (const [name, ms] of Object.entries({ sweepEveryMs, retryForMs, readMs }))
    if (!(Number.isFinite(ms) && ms > 0)) throw invalid(`\`${name}\` is more than 0 milliseconds.`);
  const objects = new Map(Object.entries(options.objects ?? {})) as unknown as ReadonlyMap<
    string,
    ObjectDeclaration<unknown, CallbackMode>
  >;
  for (const [kind, declaration] of objects) checkObject(kind, declaration);
  return {
    ...{ source, mode, sweep, sweepEveryMs, retryForMs, readMs, objects },
    handlers: new Map(Object.entries(handlers).map(([type, one]) => [type, declared(type, one)])),
  };
}

function declared(type: string, given: EventDeclaration<never, CallbackMode>): Declared {
  const { nature, handler } =
    typeof given === "function" ? { nature: "repeating" as const, handler: given } : given;
  if (typeof handler !== "function" || !NATURES.includes(nature))
    throw invalid(`"${type}" takes a handler, or { nature: "${NATURES.join('" | "')}", handler }.`);
  return { nature, handler: handler as Declared["handler"] };
}

function checkObject(kind: string, declaration: ObjectDeclaration<unknown, CallbackMode>): void {
  const { states, apply } = declaration;
  if (apply !== undefined && states === undefined)
    throw invalid(
      `"${kind}" has \`apply\`, which runs when a state has moved: declare \`states\`.`,
    );
  if (states === undefined) return;
  if (!Array.isArray(states.order) || states.order.length === 0 || typeof states.of !== "function")
    throw invalid(`\`states\` of "${kind}" takes { order: ["first", …, "last"], of }.`);
}

function invalid(detail: string): NevertwiceError {
  return new NevertwiceError("option-invalid", detail);
}

/** What is declared for the kind of an object. */
export function objectOf(
  definition: InboxDefinition,
  object: EventObject | undefined,
): ObjectDeclaration<unknown, CallbackMode> | undefined {
  return object && definition.objects.get(object.kind);
}

/** What is declared for a type of event; undefined if nobody handles it. */
export function handlerOf(definition: InboxDefinition, type: string): Declared | undefined {
  return definition.handlers.get(type) ?? definition.handlers.get("*");
}
