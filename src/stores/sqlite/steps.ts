import type { Evidence } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import type { Holder } from "../../model/operation.ts";
import type { EffectMark, ResultKind, StepBegin, StepEnd, StepName } from "../../model/step.ts";
import type { Fenced, Recorded } from "../../store.ts";
import { boundedDetail, boundedEvidence, sendVerdict, takenAlarm } from "../evidence.ts";
import type { SqliteRow } from "./client.ts";
import { bytesOf, held, type Tables } from "./records.ts";
import type { Verdict } from "./transaction.ts";

/** A step as the rules look at it; as the file has one writer, it stays so until the commit. */
export interface KnownStep {
  readonly kind: "atomic" | "external";
  readonly result_kind: ResultKind | null;
  readonly provider: string | null;
  readonly effect_kind: string | null;
  readonly reference: string | null;
  readonly compensates: string | null;
  /** How many sends it has. */
  readonly sends: number;
}

/** Where a step's rows are, and the database's time. */
export interface StepPlace {
  readonly id: RecordId;
  readonly number: number;
  readonly name: string;
  readonly now: number;
}

const STALE = { value: "stale", keep: false } as const;
const DONE = { value: "done", keep: true } as const;

function heldPlace({ connection, sql }: Tables, holder: Holder, name: string) {
  const row = connection.get<{ number: number; now: number }>(sql.heldStep, held(holder));
  return row === undefined ? undefined : { ...row, id: holder.id, name };
}

export function knownStep(
  { connection, sql }: Tables,
  { number, name }: StepPlace,
): KnownStep | undefined {
  return connection.get<KnownStep>(sql.known, { number, name });
}

/** A step that may have been sent keeps its own values; a disproved one is begun anew. */
export function begin(tables: Tables, holder: Holder, step: StepBegin): Verdict<Fenced> {
  const { connection, sql } = tables;
  const place = heldPlace(tables, holder, step.name);
  if (place === undefined) return STALE;
  const { number, name, now } = place;
  const known = knownStep(tables, place);
  const begun = { number, name, now, fence: holder.fence };
  if (known === undefined) {
    const { inputDigest, compensates = null } = step;
    connection.run(sql.begin, { ...begun, ...sent(step), inputDigest, compensates });
  } else if (known.result_kind === "not-executed") {
    connection.run(sql.beginAnew, { ...begun, ...sent(step) });
  } else if (known.result_kind !== null || known.reference !== null) {
    return STALE;
  }
  const providerKey = step.providerKey ?? step.mark;
  if (known?.result_kind !== null && providerKey !== undefined)
    connection.run(sql.sentKey, { number, name, providerKey });
  connection.run(sql.send, { ...begun, send: (known?.sends ?? 0) + 1 });
  return DONE;
}

/** Whose an effect is, by whatever key it was ever sent with, or by the reference it adopted. */
export function stepOf({ connection, sql }: Tables, mark: EffectMark): StepName | undefined {
  if ("providerKey" in mark) {
    const { providerKey } = mark;
    return plain(connection.get<StepName>(sql.keyOwner, { providerKey }));
  }
  const { provider, kind: effectKind, reference } = mark;
  return plain(connection.get<StepName>(sql.adopter, { provider, effectKind, reference }));
}

/** A client's row can be without a prototype. */
function plain(row: StepName | undefined): StepName | undefined {
  return row && { id: row.id, step: row.step };
}

function sent(step: StepBegin): SqliteRow {
  const { providerKey = null, generation, target, request, keptForMs = null, lookUp } = step;
  const { provider = null, kind: effectKind = null, account = null, region = null } = target ?? {};
  return {
    ...{ providerKey, generation, provider, effectKind, account, region, request, keptForMs },
    lookUp: lookUp ? 1 : 0,
  };
}

/** A verdict speaks of the last send; only a result, or proof for every send, ends the step. */
export function record(
  tables: Tables,
  holder: Holder,
  name: string,
  end: StepEnd,
): Verdict<Recorded> {
  const { connection, sql } = tables;
  const place = heldPlace(tables, holder, name);
  const known = place && knownStep(tables, place);
  if (place === undefined || known === undefined || known.result_kind !== null) return STALE;
  if ("sends" in end && end.sends !== known.sends) return STALE;
  const { number, now } = place;
  const verdict = sendVerdict(end);
  const detail = boundedDetail(end.detail) ?? null;
  if (known.sends > 0)
    connection.run(sql.close, { number, name, sends: known.sends, verdict, detail });
  if (!("value" in end)) {
    if (end.kind === "not-executed")
      connection.run(sql.disprove, { number, name, now, proven: end.proven === true ? 1 : 0 });
    return DONE;
  }
  const { kind, value, reference } = end;
  connection.run(sql.finish, { number, name, now, kind, value, reference: reference ?? null });
  if (kind === "succeeded") takeBack(tables, place, known);
  const own = reference === undefined || adopt(tables, place, known, reference);
  return { value: own ? "done" : "reference-taken", keep: true };
}

/** With a succeeded compensation, the step that it takes back stands no more. */
export function takeBack(
  { connection, sql }: Tables,
  { number }: StepPlace,
  { compensates }: KnownStep,
): void {
  if (compensates !== null) connection.run(sql.takeBack, { number, compensates });
}

/** False if another step has adopted the reference; then the evidence says so. */
export function adopt(
  tables: Tables,
  { id, name }: StepPlace,
  { provider, effect_kind: effectKind }: KnownStep,
  reference: string,
): boolean {
  if (provider === null || effectKind === null) return true;
  const { connection, sql } = tables;
  const named = { provider, effectKind, reference };
  if (connection.run(sql.adopt, { ...named, id: bytesOf(id), name }) === 1) return true;
  const owner = connection.get<{ id: RecordId; step: string }>(sql.adopter, named);
  if (owner === undefined || (owner.id === id && owner.step === name)) return true;
  note(tables, id, takenAlarm(name, reference, owner.id));
  return false;
}

/** Adds to the evidence, if there is such an operation. */
export function note(
  { connection, sql }: Tables,
  id: RecordId,
  evidence: Evidence,
): Verdict<"noted" | "missing"> {
  const { step, source, finding, reference, detail, by } = boundedEvidence(evidence);
  const texts = { reference: reference ?? null, detail: detail ?? null, by: by ?? null };
  const row = { id: bytesOf(id), step, source, finding, ...texts };
  const keep = connection.run(sql.note, row) === 1;
  return { value: keep ? "noted" : "missing", keep };
}
