import { isoTime } from "../model/clock.ts";
import type { EvidenceRecord } from "../model/evidence.ts";
import { type OperationRecord, STATES } from "../model/operation.ts";
import type { SendRecord, StepRecord } from "../model/step.ts";
import type { OperationStore, Snapshot } from "../store.ts";
import { expectOk } from "./exit.ts";
import { findOperations, type KeyFlags } from "./find.ts";
import { parseChoice, parseLimit } from "./flags.ts";
import { printListing } from "./listing.ts";
import { type Fact, factLines, harmless, type Output, paintState } from "./output.ts";

export interface ListFlags {
  readonly state?: string;
  readonly name?: string;
  readonly scope?: string;
  readonly limit: string;
}

/** `nevertwice list`: the newest operations, one a line. */
export async function listOperations(
  store: OperationStore,
  flags: ListFlags,
  output: Output,
): Promise<void> {
  const { name, scope } = flags;
  const state = parseChoice(flags.state, STATES, "--state");
  const limit = parseLimit(flags.limit);
  const filter = {
    limit,
    ...(state ? { state } : {}),
    ...(name === undefined ? {} : { name }),
    ...(scope === undefined ? {} : { scope }),
  };
  const snapshots = expectOk(await store.list(filter));
  if (output.json) return output.document(snapshots.map(toDocument));
  if (snapshots.length === 0) return output.line("No operations.");
  printListing(
    output,
    ["name", "scope", "key", "attempts", "created"],
    snapshots.map(({ record }) => ({
      state: record.state,
      cells: [
        record.name,
        harmless(record.request?.scope ?? "(pruned)"),
        harmless(record.request?.key ?? record.id.slice(0, 16)),
        String(record.attempts),
        isoTime(record.createdAt),
      ],
    })),
  );
}

/** `nevertwice show <key>`: all that is known of one operation, but for its bodies. */
export async function showOperation(
  store: OperationStore,
  key: string,
  flags: KeyFlags,
  output: Output,
): Promise<void> {
  const found = await findOperations(store, key, flags);
  if (output.json) return output.document(found.map(toDocument));
  for (const snapshot of found) {
    for (const text of await describe(store, snapshot, output)) output.line(text);
  }
}

async function describe(
  store: OperationStore,
  { record, now }: Snapshot,
  output: Output,
): Promise<string[]> {
  const messages = expectOk(await store.messages(record.id));
  const evidence = expectOk(await store.evidence(record.id));
  const facts: Fact[] = [
    ["state", paintState(output, record.state)],
    ["doubt", record.doubt],
    ["operation", `${record.name}, version ${record.version}, ${record.form}`],
    ["origin", record.request?.origin],
    ["attempts", String(record.attempts)],
    ["fence", String(record.fence)],
    ["last error", record.lastError && harmless(record.lastError)],
    ["created", isoTime(record.createdAt)],
    [
      "lease until",
      record.leaseUntil === undefined
        ? undefined
        : `${isoTime(record.leaseUntil)} (${left(record.leaseUntil - now)})`,
    ],
    [
      "runs again",
      record.dueAt === undefined
        ? undefined
        : `${isoTime(record.dueAt)} (${left(record.dueAt - now)})`,
    ],
    ["final", record.finalAt === undefined ? undefined : isoTime(record.finalAt)],
    ["outcome", outcomeLine(record)],
    ["retry", adviceOf(record)],
  ];
  const title =
    `${harmless(record.request?.scope ?? "")} ${harmless(record.request?.key ?? record.id)}`.trim();
  return [
    output.paint(title, "bold"),
    ...factLines(output, [
      ...facts,
      ...record.steps.flatMap((step): Fact[] => [
        ["step", stepLine(step)],
        ...(step.effect?.sends ?? []).map((send): Fact => ["  send", sendLine(send)]),
      ]),
      ...evidence.map((known): Fact => ["evidence", evidenceLine(known)]),
      ...messages.map(({ topic, key }): Fact => ["message", harmless(`${topic} ${key}`)]),
    ]),
  ];
}

function left(ms: number): string {
  return ms > 0 ? `in ${(ms / 1_000).toFixed(1)} s` : "now";
}

function outcomeLine({ outcome }: OperationRecord): string | undefined {
  if (outcome === undefined) return undefined;
  const body = outcome.response
    ? `${outcome.response.body.length} bytes kept`
    : `response ${outcome.missing}`;
  const reference =
    outcome.reference === undefined ? "" : `, reference ${harmless(outcome.reference)}`;
  return `${outcome.kind}, ${outcome.status}, ${body}${reference}`;
}

/** What a person may tell the client. */
function adviceOf(record: OperationRecord): string {
  if (record.state === "succeeded" || record.state === "failed")
    return record.outcome?.response === undefined
      ? "safe: the outcome is told, its response is no longer kept"
      : "safe: the stored outcome is replayed";
  if (record.state === "in_doubt" && record.dueAt === undefined)
    return "safe with the same key, but only a person can settle the doubt";
  return "safe with the same key, never with a new one";
}

function stepLine(step: StepRecord): string {
  const { name, kind, result, begunAt, recordedAt, effect } = step;
  const { providerKey, reference } = effect ?? {};
  const state = result ? result.kind : "begun, result not known";
  const time = isoTime(recordedAt ?? begunAt);
  const key = providerKey === undefined ? "" : `, provider key ${harmless(providerKey)}`;
  const found = reference === undefined ? "" : `, reference ${harmless(reference)}`;
  return `${harmless(name)} (${kind}): ${state}, ${time}${key}${found}`;
}

function sendLine({ number, sentAt, verdict, detail }: SendRecord): string {
  const why = detail === undefined ? "" : `, ${harmless(detail)}`;
  return `${number}, ${isoTime(sentAt)}: ${verdict ?? "not answered yet"}${why}`;
}

function evidenceLine({ step, source, finding, at, ...known }: EvidenceRecord): string {
  const { reference, detail, by } = known;
  const more = [reference && `reference ${reference}`, detail, by && `by ${by}`].filter(Boolean);
  const text = [`${step} ${finding}, from ${source}`.trim(), ...more].join(", ");
  return `${isoTime(at)}: ${harmless(text)}`;
}

/** The record for machines: no bodies, no inputs, no digests. */
function toDocument({ record, now }: Snapshot): unknown {
  const { fingerprint, recipe, request, outcome, steps, attemptId, ...rest } = record;
  const { scope, key, origin } = request ?? {};
  return {
    ...rest,
    scope,
    key,
    origin,
    now,
    steps: steps.map(({ result, inputDigest, effect, ...step }) => {
      const { request: sent, ...shown } = effect ?? {};
      return { ...step, ...shown, result: result?.kind };
    }),
    outcome: outcome && {
      kind: outcome.kind,
      status: outcome.status,
      reference: outcome.reference,
      missing: outcome.missing,
    },
  };
}
