import { AsyncLocalStorage } from "node:async_hooks";
import { currentOperation } from "../../src/core/current.ts";
import type { Snapshot } from "../../src/store.ts";
import { LEASE_MS } from "./driver.ts";
import { digestOf, digestOfAll, type Knowledge, learn } from "./knowledge.ts";
import type { Fault } from "./plan.ts";
import type { Parked, Timer } from "./scheduler.ts";

/**
 * What a process does at a time: for one request or in one pass of its worker (a root), in the
 * handler of one attempt, or to keep a lease (a beat).
 *
 * An errand is deterministic: what it remembers follows from what it was given, in which order and
 * when. They share no more than this. A root waits for its handler, and is told all that the
 * handler knew when it ended or lost its claim. All that either learns of the beat is that it has
 * ended, and all that a beat remembers is when it last renewed. An attempt begins with what its
 * claim was answered, and after one that was lost its root claims anew, or ends its pass, as if it
 * had just begun: in these worlds nobody waits, and there is one operation.
 */
export interface Errand {
  readonly kind: "root" | "handler" | "beat";
  /** The process that does it, dead or alive. */
  readonly owner: string;
  /** Whether a client asked, or the worker passes. */
  readonly source: string;
  readonly parent: Errand | undefined;
  readonly birth: Knowledge | undefined;
  known: Knowledge | undefined;
  /** The beat of its attempt, or of the last one. */
  beat: Errand | undefined;
  /** How often it has claimed; again only after an attempt that was lost. */
  claims: number;
  /** The answer that gave it a claim, if it heard nothing since. */
  claim: Claimed | undefined;
  /** The fence of its attempt. */
  fence: number | undefined;
  /** When a beat last renewed. */
  sentAt: number;
  /** The attempt of this beat has been given up. */
  left: boolean;
  over: boolean;
}

interface Claimed {
  readonly value: { readonly snapshot: Snapshot };
}

/** What waits, and for whom. */
export interface Wait {
  readonly errand: Errand;
  /** What a call says follows from what its errand knew when it made it. */
  readonly said: Knowledge | undefined;
  /** The call that a timer is the deadline of. */
  readonly deadlineOf: Parked | undefined;
}

export interface Errands {
  waitOf(happening: Parked | Timer): Wait | undefined;
  /** A step is made. @param owner whose process begins an errand with it, if it does */
  begin(happening: Parked | Timer, now: number, owner: string | undefined): void;
  /** The step under way meets a fault. */
  strikes(call: Parked, fault: Fault): void;
  /** The step under way makes a call or a timer. */
  makes(happening: Parked | Timer, now: number): void;
  /** Whose step is under way. */
  current(): Errand | undefined;
  /** @returns whose process was told, if an errand was told anything */
  hears(what: unknown): { readonly owner: string; readonly call: Parked } | undefined;
  draws(what: unknown): void;
  /** Ends the errands for which nothing waits. @param gaveUp whether a request may have given up */
  rest(waiting: readonly (Parked | Timer)[], gaveUp: boolean): void;
  isLate(happening: Parked | Timer): boolean;
  /** All that a process remembers. */
  digestOf(owner: string): unknown;
}

/** An attempt makes this timer first, and nothing else makes one of this length. */
const BEAT_MS = LEASE_MS / 3;
/** Absolute times are no more exact than this. */
const EXACT_MS = 0.01;
/** How long the processes wait for an answer of the store. */
const DEADLINE_MS = 400;
/** What a request, or a pass, asks for once its attempt is over. */
const LEAVES: ReadonlySet<string> = new Set(["claim", "prune"]);

export function createErrands(): Errands {
  const scope = new AsyncLocalStorage<{ errand: Errand | undefined; happening: Parked | Timer }>();
  const waits = new Map<Parked | Timer, Wait>();
  const handlers = new WeakMap<object, Errand>();
  const late = new Set<Parked | Timer>();
  /** Transactions that wait for their callbacks, each with the fault that it will meet. */
  const underWay = new Map<Parked, Fault | undefined>();
  /** What requests that gave up have left in their process for later ones, which may take it. */
  const leftovers = new Map<string, Knowledge>();
  let errands: Errand[] = [];
  /** Calls of the store that the step under way has made. */
  let made: Parked[] = [];
  let now = 0;

  function add(errand: Errand | undefined, what: unknown): void {
    if (errand) errand.known = learn(errand.known, now, what);
  }

  function start(errand: Pick<Errand, "kind" | "owner" | "source" | "parent">): Errand {
    const left = leftovers.get(errand.owner);
    if (left && errand.kind === "root")
      leftovers.set(errand.owner, learn(left, now, "a request begins"));
    const known = errand.parent ? errand.parent.known : left;
    const started: Errand = {
      ...{ ...errand, birth: known, known, beat: undefined, claims: 0, claim: undefined },
      ...{ fence: undefined, sentAt: now, left: false, over: false },
    };
    errands.push(started);
    return started;
  }

  const handlersOf = (beat: Errand): Errand[] =>
    errands.filter(({ kind, beat: its, over }) => kind === "handler" && its === beat && !over);

  function current(): Errand | undefined {
    const errand = scope.getStore()?.errand;
    const operation = errand && operationHere();
    if (errand === undefined || operation === undefined) return errand;
    const known = handlers.get(operation);
    const { kind, owner, source, beat, fence } = errand;
    if (known || kind !== "root" || !beat || beat.over || handlersOf(beat).length > 0)
      return known ?? errand;
    const handler = start({ kind: "handler", owner, source, parent: errand });
    Object.assign(handler, { beat, fence });
    handlers.set(operation, handler);
    return handler;
  }

  /** Its attempt was lost, whose handler may go on alone, or is over. */
  function leave(root: Errand): void {
    const { beat, source } = root;
    if (beat === undefined || beat.left) return;
    beat.left = true;
    root.known = learn(root.birth, now, [source, "again"]);
    for (const handler of handlersOf(beat)) add(handler, "lost");
  }

  /** An attempt begins with its lease. */
  function attempt(root: Errand): Errand {
    const { owner, source, claims, claim } = root;
    if (claim) root.known = learn(root.birth, now, [source, claims > 1, claim]);
    root.fence = claim?.value.snapshot.record.fence;
    const beat = start({ kind: "beat", owner, source, parent: root });
    root.beat = beat;
    return beat;
  }

  function makes(happening: Parked | Timer, at: number): void {
    const isCall = "act" in happening;
    if (isCall ? isFirst(happening) : happening.node === undefined) return;
    const errand = current();
    if (errand === undefined) return;
    if (isCall && happening.port === "store") made.push(happening);
    if (isCall && errand.kind === "root") {
      if (happening.method === "claim") errand.claims += 1;
      if (LEAVES.has(happening.method)) leave(errand);
    }
    const delay = isCall ? undefined : happening.at - at;
    // With two of them it cannot be told whose deadline it is, and both count as in time.
    const [call, other] = made.filter((one) => waits.get(one)?.errand === errand);
    const deadlineOf = delay === DEADLINE_MS && !other ? call : undefined;
    const beats = errand.kind === "root" && Math.abs((delay ?? 0) - BEAT_MS) < EXACT_MS;
    const own = beats ? attempt(errand) : errand;
    waits.set(happening, { errand: own, said: own.known, deadlineOf });
  }

  return {
    ...{ current, makes },
    waitOf: (happening) => waits.get(happening),
    begin(happening, at, owner) {
      [now, made] = [at, []];
      const call = "act" in happening ? happening : undefined;
      const wait = waits.get(happening);
      const errand =
        call && owner !== undefined
          ? start({ kind: "root", owner, source: call.port, parent: undefined })
          : wait?.errand;
      scope.enterWith({ errand, happening });
      if (wait?.deadlineOf) late.add(wait.deadlineOf);
      // What a call of the store comes to is all that its errand learns of it.
      if (call?.port === "store") {
        underWay.set(call, undefined);
        return;
      }
      if (errand?.kind === "beat" && !call && !wait?.deadlineOf) errand.sentAt = now;
      add(errand, call ? `${call.port}.${call.method}` : "timer");
    },
    hears(what) {
      const { errand, happening } = scope.getStore() ?? {};
      if (errand === undefined || happening === undefined || !("act" in happening))
        return undefined;
      const told = { owner: errand.owner, call: happening };
      underWay.delete(happening);
      // Who has waited for an answer in vain does not hear it any more.
      if (late.has(happening)) return told;
      const { port, method } = happening;
      errand.claim = isClaimed(what) ? what : undefined;
      const renewed = errand.kind === "beat" && isDone(what);
      if (renewed) errand.known = errand.birth;
      const kept = method === "read" ? readUnder(errand.fence, what) : what;
      add(errand, [port, method, renewed ? errand.sentAt : kept]);
      return told;
    },
    draws: (what) => add(current(), what),
    strikes(call, fault) {
      if (fault === "pause" || fault === "defer") underWay.delete(call);
      else if (underWay.has(call)) underWay.set(call, fault);
    },
    rest(waiting, gaveUp) {
      const busy = new Set(waiting.map((one) => waits.get(one)?.errand));
      const ended = (kind: Errand["kind"]): Errand[] =>
        errands.filter((one) => one.kind === kind && !busy.has(one) && !one.over);
      for (const handler of ended("handler")) {
        handler.over = true;
        if (!handler.beat?.left) add(handler.parent, ["handler", digestOfAll(handler.known)]);
      }
      for (const beat of ended("beat")) {
        beat.over = true;
        if (beat.left) continue;
        const alone = handlersOf(beat);
        add(beat.parent, ["beat", alone.map(({ known }) => digestOfAll(known))]);
        for (const handler of alone) add(handler, "lost");
      }
      for (const root of ended("root")) {
        const { beat } = root;
        root.over = !beat || beat.over || beat.left || handlersOf(beat).length === 0;
        if (!root.over || !gaveUp) continue;
        const { owner, known } = root;
        leftovers.set(owner, learn(leftovers.get(owner), now, digestOfAll(known)));
      }
      errands = errands.filter(({ over }) => !over);
    },
    isLate: (happening) => late.has(happening),
    digestOf: (owner) => [
      digestOfAll(leftovers.get(owner)),
      ...errands
        .filter((one) => one.owner === owner)
        .map(digestOfErrand)
        .sort(),
      ...[...underWay]
        .filter(([call]) => waits.get(call)?.errand.owner === owner)
        .map(([call, fault]) => `${call.method} ${fault} ${digestOfAll(waits.get(call)?.said)}`)
        .sort(),
    ],
  };
}

/** All that the future of an errand depends on. */
export function digestOfErrand(errand: Errand | undefined): string {
  if (errand === undefined) return "";
  const { kind, known, parent, beat, over } = errand;
  const lease = kind === "beat" ? errand : beat;
  const free = lease === undefined || lease.over || lease.left;
  const alone = free || parent === undefined || parent.over;
  return digestOf([kind, digestOfAll(known), free, over, alone ? "" : digestOfAll(parent.known)]);
}

/** Whether an errand begins with this call. */
export function isFirst({ port }: Parked): boolean {
  return port === "client" || port === "worker";
}

/** The run under way; a copy of the sources has runs of its own, which are told of by none. */
function operationHere(): object | undefined {
  try {
    return currentOperation();
  } catch {
    return undefined;
  }
}

function givenBy(answer: unknown): unknown {
  const { kind, value } = (answer ?? {}) as { readonly kind?: string; readonly value?: unknown };
  return kind === "ok" ? value : undefined;
}

function isDone(answer: unknown): boolean {
  return givenBy(answer) === "done";
}

function isClaimed(answer: unknown): answer is Claimed {
  const value = givenBy(answer);
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "claimed";
}

/**
 * A run reads its record to see whether a write of its own has landed, or what a newer owner has
 * recorded, and remembers nothing else of a record under another fence.
 */
function readUnder(fence: number | undefined, answer: unknown): unknown {
  const { record } = (givenBy(answer) ?? {}) as Partial<Snapshot>;
  if (fence === undefined || record === undefined || record.fence === fence) return answer;
  return [record.state === "failed", record.steps.map(({ name, result }) => [name, result])];
}
