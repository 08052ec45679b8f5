import type { Reopening } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import { type Form, isFinal, type State } from "../../model/operation.ts";
import { OPAQUE_STEP } from "../../model/step.ts";
import type { Reopened } from "../../store.ts";
import { bytesOf, type Tables } from "./records.ts";
import { adopt, type KnownStep, knownStep, note, type StepPlace, takeBack } from "./steps.ts";
import type { Verdict } from "./transaction.ts";

type Settled = NonNullable<Reopening["settled"]>;

interface ReopenableRow {
  readonly number: number;
  readonly state: State;
  readonly form: Form;
  readonly fence: number;
  readonly ready: number | null;
  readonly now: number;
}

/** The operation as it becomes due, the evidence, and what it settles of one step. */
export function reopen(
  tables: Tables,
  id: RecordId,
  { evidence, settled }: Reopening,
): Verdict<Reopened> {
  const { connection, sql } = tables;
  const row = connection.get<ReopenableRow>(sql.reopenable, { id: bytesOf(id) });
  if (row === undefined) return refused("missing");
  if (isFinal(row.state)) return refused("final");
  const { number, now } = row;
  if (row.state === "running" && (row.ready ?? 0) > now) return refused("held");
  const place = { id, number, now, name: evidence.step };
  const known = settled && (knownStep(tables, place) ?? handler(tables, place, row));
  if (settled !== undefined && known === undefined) return refused("no-such-step");
  // A compensation that was declined may still be made by hand.
  const declined = known?.result_kind === "declined" && known.compensates === null;
  if (known?.result_kind === "succeeded" || declined) return refused("settled-before");
  note(tables, id, evidence);
  if (settled !== undefined && known !== undefined) settle(tables, place, known, settled);
  connection.run(sql.reopen, { number, now });
  return { value: "reopened", keep: true };
}

function refused(value: Exclude<Reopened, "reopened">): Verdict<Reopened> {
  return { value, keep: false };
}

/** A wrapped handler is one step that nobody began by name. */
function handler(
  tables: Tables,
  place: StepPlace,
  { form, fence }: ReopenableRow,
): KnownStep | undefined {
  const { number, name, now } = place;
  if (form !== "opaque" || name !== OPAQUE_STEP) return undefined;
  tables.connection.run(tables.sql.handler, { number, name, now, fence });
  return knownStep(tables, place);
}

function settle(tables: Tables, place: StepPlace, known: KnownStep, settled: Settled): void {
  const { connection, sql } = tables;
  const { number, name, now } = place;
  const named = settled.kind === "executed" ? settled.reference : null;
  if (known.reference !== null && known.reference !== named) release(tables, place, known);
  if (settled.kind === "not-executed") {
    connection.run(sql.disprove, { number, name, now, proven: 1 });
    return;
  }
  const { reference, value } = settled;
  connection.run(sql.refer, { number, name, reference });
  if (value !== undefined) {
    connection.run(sql.finish, { number, name, now, kind: "succeeded", value, reference });
    takeBack(tables, place, known);
  }
  adopt(tables, place, known, reference);
}

/** What a person named by mistake is free again. */
function release({ connection, sql }: Tables, { id, name }: StepPlace, known: KnownStep): void {
  const { provider, effect_kind: effectKind, reference } = known;
  connection.run(sql.release, { id: bytesOf(id), name, provider, effectKind, reference });
}
