import { pathToFileURL } from "node:url";
import type { Report } from "../core/events.ts";
import type { Worker, WorkerPass } from "../core/worker.ts";
import { EXIT, Exit } from "./exit.ts";
import { parseLimit } from "./flags.ts";
import { harmless, type Output } from "./output.ts";

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
  const limit = parseLimit(flags.limit);
  const once = await load(flags.module);
  if (flags.once) {
    const pass = await once.worker.runOnce({ limit });
    if (output.json) output.document(pass);
    else for (const line of passLines(pass)) output.line(line);
    await once.close();
    return;
  }
  const { subscribe } = await import("node:diagnostics_channel");
  subscribe("nevertwice", (message) => tell(message as Report, output));
  once.worker.start({ limit });
  output.line(
    "Recovering, handling events, sending messages and pruning; end it with SIGTERM or Ctrl-C.",
  );
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

function passLines({ recovery, handling, relaying }: WorkerPass): string[] {
  return [
    `Found ${recovery.found} to recover, settled ${recovery.settled}.`,
    ...(handling
      ? [`Found ${handling.objects} objects with events, ended ${handling.ended} events.`]
      : []),
    ...(relaying ? [`Found ${relaying.claimed} messages to send, sent ${relaying.sent}.`] : []),
  ];
}

/** What a person at the terminal wants to know; names and digests only. */
function tell(report: Report, output: Output): void {
  const text = told(report);
  if (text !== undefined) output.line(harmless(text));
}

function told(report: Report): string | undefined {
  switch (report.type) {
    case "operation.recovered":
      return `${nameOf(report)}: taken over`;
    case "operation.settled":
      return `${nameOf(report)}: ${report.outcome}`;
    case "operation.in-doubt":
      return report.dueInMs === undefined
        ? `${nameOf(report)}: in doubt, ${report.doubt}, waits for a person`
        : undefined;
    case "effect.duplicate":
    case "effect.orphan":
      return `${nameOf(report)}: ${report.type} of ${report.step}`;
    case "event.dead":
      return `${report.source} ${report.event} ${report.number}: dead, ${report.error}`;
    case "event.conflict":
      return `${report.source} ${report.event} ${report.number}: came again with other bytes`;
    case "message.in-doubt":
      return `${report.topic} ${report.number}: in doubt, waits for a person, ${report.error}`;
    case "message.dead":
      return `${report.topic} ${report.number}: dead, ${report.error}`;
    default:
      return undefined;
  }
}

function nameOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return `${name} ${id.slice(0, 12)}`;
}
