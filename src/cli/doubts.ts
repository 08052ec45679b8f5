import { isoTime } from "../model/clock.ts";
import { unfinished } from "../model/step.ts";
import type { OperationStore, Snapshot } from "../store.ts";
import { expectOk } from "./exit.ts";
import { parseLimit } from "./flags.ts";
import { columns, harmless, type Output } from "./output.ts";

export interface DoubtFlags {
  readonly name?: string;
  readonly scope?: string;
  readonly limit: string;
  readonly all?: boolean;
}

/** `nevertwice in-doubt`: what waits for a person, and with `--all` what resolves itself too. */
export async function listDoubts(
  store: OperationStore,
  flags: DoubtFlags,
  output: Output,
): Promise<void> {
  const limit = parseLimit(flags.limit);
  const { name, scope } = flags;
  const filter = {
    ...({ state: "in_doubt" } as const),
    ...(name === undefined ? {} : { name }),
    ...(scope === undefined ? {} : { scope }),
  };
  const doubts: Snapshot[] = [];
  for await (const snapshot of every(store, filter)) {
    if (!flags.all && snapshot.record.dueAt !== undefined) continue;
    doubts.push(snapshot);
    if (doubts.length === limit) break;
  }
  if (output.json) return output.document(doubts.map(toDocument));
  if (doubts.length === 0) return output.line("Nothing waits for a person.");
  const lines = columns([
    ["operation", "scope", "key", "doubt", "steps", "since", "runs again"],
    ...doubts.map(toRow),
  ]);
  output.line(output.paint(lines[0] ?? "", "dim"));
  for (const line of lines.slice(1)) output.line(line);
  output.line(output.paint(HELP, "dim"));
}

const HELP = `
A step whose effect is not known: nevertwice settle <key> --scope <scope> --step <name>
  --executed <reference> or --not-executed, and --reason "...".
Any other doubt, once its cause is mended: nevertwice resume <key> --scope <scope> --reason "...".`;

const PAGE = 200;

async function* every(
  store: OperationStore,
  filter: { readonly state: "in_doubt"; readonly name?: string; readonly scope?: string },
): AsyncGenerator<Snapshot> {
  let after: { createdAt: number; id: string } | undefined;
  for (;;) {
    const page = expectOk(
      await store.list({ ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) }),
    );
    yield* page;
    const last = page.at(-1)?.record;
    if (last === undefined || page.length < PAGE) return;
    after = { createdAt: last.createdAt, id: last.id };
  }
}

function toRow({ record, now }: Snapshot): string[] {
  const open = unfinished(record.steps).map((step) => harmless(step.name));
  const due = record.dueAt === undefined ? "a person" : `in ${seconds(record.dueAt - now)} s`;
  return [
    record.name,
    harmless(record.request?.scope ?? ""),
    harmless(record.request?.key ?? record.id.slice(0, 16)),
    record.doubt ?? "",
    open.join(" ") || (record.form === "opaque" ? "handler" : "-"),
    isoTime(record.createdAt),
    due,
  ];
}

function seconds(ms: number): string {
  return (Math.max(ms, 0) / 1_000).toFixed(1);
}

function toDocument({ record }: Snapshot): unknown {
  const { name, doubt, createdAt, dueAt, lastError, attempts, request, steps } = record;
  return {
    ...{ name, scope: request?.scope, key: request?.key, origin: request?.origin },
    ...{ doubt, createdAt, dueAt, lastError, attempts },
    steps: unfinished(steps).map((step) => ({
      name: step.name,
      providerKey: step.effect?.providerKey,
      target: step.effect?.target,
      sends: step.effect?.sends,
    })),
  };
}
