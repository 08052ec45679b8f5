import type { RunResult } from "../../core/handle.ts";
import type { Chance } from "./chance.ts";
import type { Node } from "./node.ts";
import type { PlannedClient } from "./plan.ts";
import type { Process } from "./process.ts";
import { type AnyRequest, labelOf } from "./request.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a client was told: by the operation, or by an error that it threw. */
export type Told = RunResult<unknown> | { readonly kind: "threw"; readonly error: unknown };

/** Somebody outside of the processes who wants one operation done. */
export interface Client {
  readonly request: AnyRequest;
  /** All that it heard, oldest first. */
  readonly heard: readonly Told[];
  /** Sends nothing more; what is under way goes on. */
  leave(): void;
  /** The process that was asked has died. */
  lost(node: Node): void;
}

/** Where clients live. */
export interface Street {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly processes: readonly Process[];
}

const GAP_MS = 40;

/** Sends, and sends again after a passing answer, until it has sent often enough. */
export function startClient(
  { scheduler, chance, processes }: Street,
  name: string,
  request: AnyRequest,
  {
    startMs,
    sends,
    waitMs,
    retries,
  }: Omit<PlannedClient, "request"> & { readonly retries: number },
): Client {
  const heard: Told[] = [];
  let sendsLeft = sends;
  let retriesLeft = retries;
  let asked: { readonly node: Node; readonly generation: number } | undefined;

  function again(afterMs: number): void {
    retriesLeft -= 1;
    if (retriesLeft >= 0) later(Math.max(afterMs, GAP_MS));
  }
  function later(ms: number): void {
    scheduler.timer(undefined, scheduler.now() + ms, send);
  }
  function send(): void {
    const process = chance.pick(processes);
    const place = `${name}  asks ${process.node.name} for ${labelOf(request)}`;
    const act = (): void => ask(process);
    scheduler.park({ node: undefined, place, faults: [], travels: true, act });
  }
  function ask({ node, operations }: Process): void {
    const mine = { node, generation: node.generation };
    asked = mine;
    const { operation, scope, key, input } = request;
    const hear = (told: Told): void => {
      if (asked !== mine) return;
      asked = undefined;
      hears(told);
    };
    const run = operations[operation]?.run({ scope, key, input: input as never, waitMs });
    run?.then(hear, (error: unknown) => hear({ kind: "threw", error }));
  }
  function hears(told: Told): void {
    heard.push(told);
    scheduler.note(`${name}  hears ${textOf(told)}`);
    const repeats = "retry" in told && told.retry === "same-key";
    if (!repeats) sendsLeft -= 1;
    if (repeats) again(told.retryAfterMs ?? 0);
    else if (sendsLeft > 0) later(GAP_MS);
  }

  if (startMs > 0) later(startMs);
  else send();
  return {
    ...{ request, heard },
    leave() {
      retriesLeft = 0;
      sendsLeft = 0;
    },
    lost(node) {
      if (asked?.node !== node || asked.generation === node.generation) return;
      asked = undefined;
      again(GAP_MS);
    },
  };
}

/** What was told, in a line. */
export function textOf(told: Told | undefined): string {
  if (told === undefined) return "nothing";
  if (told.kind === "threw") return `an error: ${String("error" in told ? told.error : "")}`;
  if ("replayed" in told) return `${told.kind} ${told.status} ${JSON.stringify(told.body) ?? ""}`;
  const error = told.error === undefined ? "" : ` (${String(told.error)})`;
  return `${told.kind}${error}`;
}
