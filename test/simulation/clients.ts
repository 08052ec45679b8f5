import type { RunResult } from "../../src/core/handle.ts";
import type { Performed } from "../../src/core/performed.ts";
import type { Told } from "./history.ts";
import type { PlannedClient, PlannedOperation } from "./plan.ts";
import type { Node } from "./scheduler.ts";
import type { Process, World } from "./world.ts";

/** Somebody outside of the processes who wants one operation done. */
export interface Client {
  readonly operation: PlannedOperation;
  /** The final answer or the last one. */
  told: Told | undefined;
  /** Sends nothing more; what is under way goes on. */
  leave(): void;
  /** What it will still do, as far as it knows. */
  intent(): string;
  /** The process that was asked has died. */
  lost(node: Node): void;
}

const AMOUNTS = { same: 100, other: 999 } as const;
const RETRIES_MAX = 3;
const GAP_MS = 40;

export function startClients(world: World): Client[] {
  return world.plan.operations.flatMap((operation) =>
    operation.clients.map((planned, index) =>
      startClient(world, operation, planned, {
        name: `${operation.label}#${index}`,
        retriesMax: planned.retries ?? RETRIES_MAX,
      }),
    ),
  );
}

/** Sends, and sends again after a passing answer, until it has sent often enough. */
export function startClient(
  world: World,
  operation: PlannedOperation,
  planned: PlannedClient,
  { name, retriesMax }: { readonly name: string; readonly retriesMax: number },
): Client {
  const { scheduler, facts } = world;
  const input = { amount: AMOUNTS[planned.variant] };
  const variant = String(input.amount);
  const route = [...(planned.route ?? [])];
  let sends = planned.sends;
  let retries = retriesMax;
  let asked: { node: Node; generation: number; call: number } | undefined;
  const client: Client = {
    operation,
    told: undefined,
    leave() {
      retries = 0;
      sends = 0;
    },
    intent: () =>
      [sends, retries, route.length, asked?.node.name, asked?.generation, client.told?.kind].join(),
    lost(node) {
      if (asked?.node !== node || asked.generation === node.generation) return;
      asked = undefined;
      again(GAP_MS);
    },
  };
  function again(afterMs: number): void {
    retries -= 1;
    const at = scheduler.now() + Math.max(afterMs, GAP_MS);
    if (retries >= 0) scheduler.timer(undefined, at, send, name);
  }
  function send(): void {
    const process = world.processes[route.shift() ?? -1] ?? world.chance.pick(world.processes);
    const by = { name, to: process.node };
    const act = (): void => ask(process);
    scheduler.park({ node: undefined, by, port: "client", method: "send", faults: [], act });
  }
  function ask({ node, asks }: Process): void {
    const call = world.nonce();
    const mine = { node, generation: node.generation, call };
    asked = mine;
    const { label, scope, key, workload } = operation;
    const to = `${node.name}:${node.generation}`;
    facts.push({ type: "called", at: scheduler.now(), call, to, operation: label, variant });
    const { waitMs, door } = planned;
    const answer = asks.get(workload)?.({ scope, key, input, waitMs, door }) ?? Promise.reject();
    const hear = (told: Told): void => {
      if (asked !== mine) return;
      asked = undefined;
      hearTold(told, call);
    };
    answer.then(
      (given) => hear(toTold(given as Performed | RunResult<unknown>)),
      (error) => hear({ kind: `threw ${error}`, retry: "never", retryAfterMs: undefined }),
    );
  }
  function hearTold(told: Told, call: number): void {
    client.told = told;
    const { label } = operation;
    scheduler.note(() => `client hears ${told.kind} ${told.body ?? ""}`);
    facts.push({ type: "answered", at: scheduler.now(), call, operation: label, variant, told });
    if (told.retry !== "same-key") sends -= 1;
    if (told.retry === "same-key") again(told.retryAfterMs ?? 0);
    else if (sends > 0) send();
  }
  send();
  return client;
}

function toTold(given: Performed | RunResult<unknown>): Told {
  if (given.kind === "refused")
    return {
      kind: given.code,
      retry: RETRY[given.code] ?? "never",
      retryAfterMs: given.retryAfterMs,
    };
  if (given.kind === "passing")
    return { kind: "passing", status: given.status, retry: "same-key", retryAfterMs: 0 };
  if ("retry" in given) {
    const { kind, retry, retryAfterMs } = given;
    return { kind, retry, retryAfterMs };
  }
  const { kind, status, body } = given;
  const text =
    body instanceof Uint8Array ? Buffer.from(body).toString("utf8") : JSON.stringify(body);
  return { kind, status, body: text, retry: undefined, retryAfterMs: undefined };
}

const RETRY: Readonly<Record<string, string>> = {
  "in-progress": "same-key",
  "retry-scheduled": "same-key",
  "in-doubt": "same-key",
  "store-unavailable": "same-key",
  "version-unknown": "same-key",
  "recipe-unknown": "same-key",
};
