import type { Holder } from "../../model/operation.ts";
import type { StepBegin, StepEnd } from "../../model/step.ts";
import type { OperationStore, Suspension } from "../../store.ts";
import { answered, bytes, LEASE_MS, sendOf, settlementOf } from "./sample.ts";

/** The step that `everyWrite` records; begun before by whoever wants it there. */
export const STEP: StepBegin = sendOf("charge");
export const RESULT: StepEnd = { kind: "succeeded", value: bytes("1") };
export const LATER: Suspension = { state: "waiting", dueInMs: 1_000, countAttempt: true };

/** Every fenced write but the transactions; a holder without the right gets `stale` from each. */
export async function everyWrite(
  store: OperationStore,
  holder: Holder,
): Promise<readonly string[]> {
  return [
    answered(await store.renew(holder, LEASE_MS)),
    answered(await store.begin(holder, { ...STEP, name: "another" })),
    answered(await store.record(holder, STEP.name, RESULT)),
    answered(await store.suspend(holder, LATER)),
    answered(await store.settle(holder, settlementOf())),
  ];
}

export const ALL_STALE: readonly string[] = ["stale", "stale", "stale", "stale", "stale"];
