import { type Continuation, decide } from "../model/decide.ts";
import type { RecordId } from "../model/key.ts";
import { type Doubt, holderOf, type OperationRecord } from "../model/operation.ts";
import { unfinished } from "../model/step.ts";
import type { Snapshot } from "../store.ts";
import { type OpaqueHandler, runAttempt } from "./attempt.ts";
import { attemptId } from "./claim.ts";
import { conclude } from "./conclude.ts";
import { type Definition, definitionNamed, definitionOf } from "./definition.ts";
import { type AttemptEnd, refuse } from "./performed.ts";
import { type Ports, within } from "./ports.ts";
import { probeOperation } from "./probe.ts";

const DOUBT_RETRY_MS = 5_000;

/** Takes a lapsed or due operation over, and goes on as the rules decided. */
export async function resume(
  ports: Ports,
  definition: Definition,
  { record }: Snapshot,
  decided: Continuation,
  attempt: string,
  opaque?: OpaqueHandler,
): Promise<AttemptEnd> {
  const { leaseMs, runForMs } = ports.settings;
  const { id, fence } = record;
  const answer = await within(
    ports,
    ports.store.takeOver({ id, fence, attemptId: attempt, leaseMs, runForMs }),
  );
  if (answer.kind !== "ok") return refuse("store-unavailable", 1_000, answer.error);
  if (answer.value.kind === "stale") return refuse("in-progress", 1_000);
  const { snapshot } = answer.value;
  const isOther = decided.kind === "run" && isForgotten(definition, record, snapshot.record);
  const next = isOther ? UNKNOWN : decided;
  if (next.kind === "park" && !isCleared(next.doubt, record, snapshot.record))
    return park(ports, definition, snapshot, next.doubt);
  if (next.kind === "conclude") return conclude(ports, snapshot);
  // Who has given an attempt back knew what became of it, and the probe does too.
  const asks = next.kind === "park" && typeof definition.afterCrash === "function";
  if (next.kind === "probe" || asks) return probeOperation(ports, definition, snapshot, opaque);
  return runAttempt(ports, definition, snapshot, opaque);
}

const UNKNOWN = { kind: "park", doubt: "effect-unknown" } as const;

/**
 * Whether a failover forgot the wrapped handler's record on which was decided, and another claim
 * has made one of the same fence since, whose run may have done anything.
 */
function isForgotten(
  { afterCrash }: Definition,
  before: OperationRecord,
  now: OperationRecord,
): boolean {
  if (now.form !== "opaque" || afterCrash === "rerun") return false;
  // What was given back has no attempt that counts; one that is under way does.
  return before.createdAt !== now.createdAt || before.attempts + 1 !== now.attempts;
}

/** Whether what landed after the rules were asked has ended the doubt they saw. */
function isCleared(doubt: Doubt, before: OperationRecord, now: OperationRecord): boolean {
  // The take-over counts one, so that another one was given back meanwhile.
  if (doubt === "attempts-exhausted") return now.attempts <= before.attempts;
  if (doubt !== "effect-unknown" || now.form !== "resumable") return false;
  return unfinished(now.steps).length < unfinished(before.steps).length;
}

async function park(
  ports: Ports,
  definition: Definition,
  { record }: Snapshot,
  doubt: Doubt,
): Promise<AttemptEnd> {
  const { id, fence } = record;
  const suspension = { state: "in_doubt", doubt, dueInMs: undefined, countAttempt: false } as const;
  await within(ports, ports.store.suspend(holderOf(record), suspension));
  ports.events.emit({
    type: "operation.in-doubt",
    id,
    name: definition.name,
    fence,
    doubt,
    dueInMs: undefined,
  });
  return refuse("in-doubt", DOUBT_RETRY_MS);
}

/** What one pass of recovery did. */
export interface Recovery {
  readonly found: number;
  readonly settled: number;
  /** Whether the store could be asked. */
  readonly reachable: boolean;
}

/**
 * Takes over operations whose lease lapsed or whose time has come, once.
 * Several workers may do so at the same time: each take-over has one winner.
 */
export async function recoverOnce(
  ports: Ports,
  definitions: readonly Definition[],
  limit: number,
): Promise<Recovery> {
  const runs = await startRecovery(ports, definitions, limit, new Map());
  if (runs === undefined) return { found: 0, settled: 0, reachable: false };
  const ends = await Promise.all(runs.map(([, run]) => run));
  return { found: runs.length, settled: ends.filter(isSettled).length, reachable: true };
}

/**
 * The recoveries that one pass starts; undefined if the store could not be asked.
 *
 * @param active those under way, which count towards the limit
 */
export async function startRecovery(
  ports: Ports,
  definitions: readonly Definition[],
  limit: number,
  active: ReadonlyMap<RecordId, unknown>,
): Promise<[RecordId, Promise<AttemptEnd | undefined>][] | undefined> {
  const known = definitions.filter(isRecoverable);
  const free = limit - active.size;
  if (known.length === 0 || free <= 0) return [];
  const names = known.flatMap(({ name, aliases, version, previous }) =>
    [name, ...aliases].flatMap((called) =>
      [version, ...previous.keys()].map((one) => ({ name: called, version: one })),
    ),
  );
  // Those under way hold their claims, so that the store names others.
  const answer = await within(ports, ports.store.due({ definitions: names, limit: free }));
  if (answer.kind !== "ok") return undefined;
  return answer.value
    .filter(({ record }) => !active.has(record.id))
    .map((snapshot) => [snapshot.record.id, guarded(ports, known, snapshot)]);
}

/** Nobody awaits a recovery, so that an error nobody thought of must not end the process. */
async function guarded(
  ports: Ports,
  definitions: readonly Definition[],
  snapshot: Snapshot,
): Promise<AttemptEnd | undefined> {
  try {
    return await recoverOne(ports, definitions, snapshot);
  } catch (error) {
    const { id, name, fence } = snapshot.record;
    ports.events.emit({ type: "attempt.failed", id, name, fence, error });
    return undefined;
  }
}

/** A wrapped handler that may simply run again waits for its client, who brings the request. */
function isRecoverable(definition: Definition): boolean {
  return definition.form !== "opaque" || definition.afterCrash !== "rerun";
}

function isSettled(end: AttemptEnd | undefined): boolean {
  return typeof end === "object" && (end.kind === "succeeded" || end.kind === "failed");
}

/** @returns undefined for what is left as it is */
async function recoverOne(
  ports: Ports,
  definitions: readonly Definition[],
  snapshot: Snapshot,
): Promise<AttemptEnd | undefined> {
  const { record, now } = snapshot;
  const named = definitionNamed(definitions, record.name);
  const definition = named && definitionOf(named, record);
  if (definition === undefined) return undefined;
  const decision = decide(record, {
    type: "recover",
    now,
    attemptsMax: ports.settings.attemptsMax,
    afterCrash: typeof definition.afterCrash === "string" ? definition.afterCrash : "probe",
  });
  if (decision.kind !== "take-over") return undefined;
  // Only its client can bring the request of a wrapped handler back.
  if (definition.form === "opaque" && decision.next.kind === "run") return undefined;
  return resume(ports, definition, snapshot, decision.next, attemptId(ports));
}
