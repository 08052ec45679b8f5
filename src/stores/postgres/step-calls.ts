import type { Evidence, Reopening } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import type { Holder } from "../../model/operation.ts";
import type { StepBegin, StepEnd } from "../../model/step.ts";
import { boundedDetail, boundedEvidence, sendVerdict } from "../evidence.ts";
import { held, hex, idCell, number } from "./calls.ts";
import type { Cell } from "./client.ts";
import type { Call } from "./signatures.ts";

export function beginCall(holder: Holder, step: StepBegin, skewMs: number): Call {
  const { name, inputDigest, providerKey = null, generation, target } = step;
  const { compensates = null, mark = null } = step;
  const { provider = null, kind = null, account = null, region = null } = target ?? {};
  return {
    name: "begin_step",
    values: [
      ...[...held(holder), name, inputDigest, providerKey, String(generation)],
      ...[provider, kind, account, region, hex(step.request), number(step.keptForMs)],
      ...[String(step.lookUp), compensates, mark, String(skewMs)],
    ],
  };
}

export function recordCall(holder: Holder, name: string, end: StepEnd, skewMs: number): Call {
  const proven = "proven" in end && end.proven === true;
  const [value, reference] =
    "value" in end ? [hex(end.value), end.reference ?? null] : [null, null];
  return {
    name: "record_step",
    values: [
      ...[...held(holder), name, end.kind, sendVerdict(end), String(proven), value, reference],
      ...[boundedDetail(end.detail) ?? null, number("sends" in end ? end.sends : undefined)],
      String(skewMs),
    ],
  };
}

export function noteCall(id: RecordId, evidence: Evidence, skewMs: number): Call {
  return { name: "note", values: [...evidenceCells(id, evidence), String(skewMs)] };
}

export function reopenCall(id: RecordId, { evidence, settled }: Reopening, skewMs: number): Call {
  return {
    name: "reopen",
    values: [...evidenceCells(id, evidence), ...settledCells(settled), String(skewMs)],
  };
}

function evidenceCells(id: RecordId, evidence: Evidence): Cell[] {
  const { step, source, finding, reference, detail, by } = boundedEvidence(evidence);
  return [idCell(id), step, source, finding, reference ?? null, detail ?? null, by ?? null];
}

/** What the step came to, the reference, and the value; none leaves the step open. */
function settledCells(settled: Reopening["settled"]): Cell[] {
  if (settled === undefined) return [null, null, null];
  if (settled.kind === "not-executed") return [settled.kind, null, hex(new Uint8Array(0))];
  const { kind, reference, value } = settled;
  return [kind, reference, value === undefined ? null : hex(value)];
}
