import { pathToFileURL } from "node:url";
import type { OperationEvent } from "../core/events.ts";
import type { Worker } from "../core/worker.ts";
import { EXIT, Exit } from "./exit.ts";
import type { Output } from "./output.ts";

export interface WorkerFlags {
  readonly module: string;
  readonly once?: boolean;
  readonly limit: string;
  readonly json?: boolean;
}

interface Runner {
  readonly worker: Worker;
  close(): Promise<void>;
}

/**
 * `nevertwice worker`: recovers and prunes with the operations that a module of the user's
 * declares, until it is told to end, or one pass for cron.
 */
export async function runWorker(flags: WorkerFlags, output: Output): Promise<void> {
  const limit = Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
    throw new Exit(EXIT.usage, "--limit is a number from 1 to 1000.");
  const once = await load(flags.module);
  if (flags.once) {
    const { recovery, pruning } = await once.worker.runOnce({ limit });
    if (output.json) output.document({ recovery, pruning });
    else output.line(`Found ${recovery.found} to recover, settled ${recovery.settled}.`);
    await once.close();
    return;
  }
  const { subscribe } = await import("node:diagnostics_channel");
  subscribe("nevertwice", (message) => tell(message as OperationEvent, output));
  once.worker.start({ limit });
  output.line("Recovering and pruning; end it with SIGTERM or Ctrl-C.");
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await once.close();
}

/** The module exports what `nevertwice()` returned, as `once` or as its default. */
async function load(module: string): Promise<Runner> {
  let loaded: Record<string, unknown>;
  try {
    loaded = (await import(pathToFileURL(module).href)) as Record<string, unknown>;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Exit(EXIT.usage, `The module ${module} cannot be loaded: ${cause}`);
  }
  for (const candidate of [loaded["once"], loaded["default"]]) {
    if (typeof candidate === "object" && candidate !== null && "worker" in candidate)
      return candidate as Runner;
  }
  throw new Exit(EXIT.usage, `${module} exports no \`once\`: export what nevertwice() returned.`);
}

/** What a person at the terminal wants to know; names and digests only. */
function tell(event: OperationEvent, output: Output): void {
  const id = event.id.slice(0, 12);
  if (event.type === "operation.recovered") output.line(`${event.name} ${id}: taken over`);
  if (event.type === "operation.settled") output.line(`${event.name} ${id}: ${event.outcome}`);
  if (event.type === "operation.in-doubt" && event.dueInMs === undefined)
    output.line(`${event.name} ${id}: in doubt, ${event.doubt}, waits for a person`);
  if (event.type === "effect.duplicate" || event.type === "effect.orphan")
    output.line(`${event.name} ${id}: ${event.type} of ${event.step}`);
}
