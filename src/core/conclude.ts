import { holderOf } from "../model/operation.ts";
import type { Outcome } from "../model/outcome.ts";
import { OPAQUE_STEP } from "../model/step.ts";
import type { Snapshot } from "../store.ts";
import { type AttemptEnd, type Performed, refuse } from "./performed.ts";
import { type Ports, within } from "./ports.ts";

const RETRY_MS = 1_000;

/** Ends a wrapped handler that a person has said to be done; its response is known to nobody. */
export async function conclude(ports: Ports, { record }: Snapshot): Promise<AttemptEnd> {
  const { id, fence, steps } = record;
  const step = steps.find(({ name }) => name === OPAQUE_STEP);
  const reference = step?.effect?.reference;
  if (step?.result === undefined) {
    const end = { kind: "succeeded", value: new Uint8Array(0) } as const;
    const answer = await within(ports, ports.store.record(holderOf(record), OPAQUE_STEP, end));
    if (answer.kind !== "ok") return refuse("store-unavailable", RETRY_MS, answer.error);
  }
  const outcome: Outcome = {
    ...({ kind: "succeeded", status: 200, headers: [], body: new Uint8Array(0) } as const),
    ...(reference === undefined ? {} : { reference }),
  };
  const settlement = { outcome, keepResponse: false, messages: [] };
  const answer = await within(ports, ports.store.settle(holderOf(record), settlement));
  if (answer.kind !== "ok") return refuse("store-unavailable", RETRY_MS, answer.error);
  if (answer.value !== "done") return "stale";
  const { name } = record;
  ports.events.emit({ type: "operation.settled", id, name, fence, outcome: "succeeded" });
  const performed: Performed = refuse("response-not-replayable");
  return { ...performed, outcome: { kind: "succeeded", status: 200, reference } };
}
