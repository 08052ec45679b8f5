import type { StepEnd, StepRecord } from "../model/step.ts";
import { within } from "./ports.ts";
import type { Run } from "./run.ts";
import { eventOf } from "./steps.ts";

/**
 * Keeps what a run learned that has lost its claim. It changes nothing of the operation, whose
 * newer owner decides; but a second effect, or one of a failed operation, raises an alarm.
 */
export async function tellStale(
  run: Run,
  step: StepRecord,
  end: StepEnd,
  value: Uint8Array,
): Promise<void> {
  if (!("value" in end)) return;
  const { ports, record } = run;
  const { name } = step;
  const { reference } = end;
  const told = reference === undefined ? {} : { reference };
  const finding = end.kind === "succeeded" ? "executed" : "declined";
  const detail = `Told by the claim of fence ${run.lease.holder.fence}, which a newer one ended.`;
  await within(
    ports,
    ports.store.note(record.id, { step: name, source: "stale-holder", finding, detail, ...told }),
  );
  if (finding !== "executed") return;
  const read = await within(ports, ports.store.read(record.id));
  const now = read.kind === "ok" ? read.value?.record : undefined;
  if (now === undefined) return;
  const known = now.steps.find((other) => other.name === name);
  const type =
    now.state === "failed" && known?.result?.kind !== "succeeded"
      ? "effect.orphan"
      : isSecond(known, reference)
        ? "effect.duplicate"
        : undefined;
  if (type === undefined) return;
  await within(
    ports,
    ports.store.note(record.id, { step: name, source: "alarm", finding, detail: type, ...told }),
  );
  ports.events.emit({ ...eventOf(run), type, step: name, reference });
  if (type === "effect.orphan") await ports.orphans(now, { step: name, value, reference });
}

/** Whether an owner who had lost the claim told of another effect before this one was recorded. */
export async function compareTold(run: Run, step: string, reference: string): Promise<void> {
  const { ports, record } = run;
  const answer = await within(ports, ports.store.evidence(record.id));
  const told = answer.kind === "ok" ? answer.value : [];
  const second = told.find(
    (one) =>
      one.step === step &&
      one.source === "stale-holder" &&
      one.finding === "executed" &&
      one.reference !== undefined &&
      one.reference !== reference,
  )?.reference;
  if (second === undefined) return;
  const alarm = { step, source: "alarm", finding: "executed", detail: "effect.duplicate" } as const;
  await within(ports, ports.store.note(record.id, { ...alarm, reference: second }));
  ports.events.emit({ ...eventOf(run), type: "effect.duplicate", step, reference: second });
}

/** Whether the record holds another success than the one that we know of. */
function isSecond(known: StepRecord | undefined, reference: string | undefined): boolean {
  if (known?.result === undefined) return false;
  if (known.result.kind !== "succeeded") return true;
  return reference !== undefined && known.effect?.reference !== reference;
}
