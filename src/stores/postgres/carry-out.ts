import type { Clock } from "../../model/clock.ts";
import type { Answer, AtomicAnswer, OperationStore } from "../../store.ts";
import { guarded } from "./answers.ts";
import { batches } from "./batch.ts";
import { carryOutCall } from "./calls.ts";
import type { Connections } from "./connection.ts";
import { toClaimed, toSettled } from "./documents.ts";
import { isPlanned } from "./errors.ts";
import type { Names } from "./statements.ts";
import { judged, toAnswer, toClaimAnswer } from "./transaction.ts";

/**
 * A statement of the user's may take its time, and the operations of others must not: each group
 * that takes longer keeps a connection, so only a few may.
 */
const OVERTAKING = { afterMs: 100, most: 3 } as const;

/** Operations whose writes are known beforehand: they leave in groups. */
export function carryOut(
  db: Connections,
  names: Names,
  skew: { readonly ms: number },
  clock: Clock,
): NonNullable<OperationStore["carryOut"]> {
  const call = batches(names, db, { clock, ...OVERTAKING });
  return (request, planned) =>
    guarded(async (): Promise<Answer<AtomicAnswer<undefined>>> => {
      const answer = await call(carryOutCall(request, planned, skew.ms, db.client.dateText));
      if (answer.kind === "not-applied" && !answer.again) {
        const { error } = answer;
        if (isPlanned(error)) return { kind: "ok", value: { kind: "threw", error } };
        const finished = judged(names, answer);
        return finished.kind === "refused" ? answer : toAnswer(finished);
      }
      if (answer.kind !== "ok") return answer;
      if (answer.value.startsWith("done ")) {
        const claimed = toClaimed(request, answer.value);
        const snapshot = toSettled(claimed, planned.settlement, answer.value);
        return { kind: "ok", value: { kind: "committed", value: undefined, snapshot } };
      }
      const claimed = toClaimAnswer(request, answer.value);
      if (claimed.kind === "claimed") throw new Error("A plan was answered with a claim.");
      return claimed.kind === "unclaimed" ? { kind: "ok", value: claimed.value } : claimed;
    });
}
