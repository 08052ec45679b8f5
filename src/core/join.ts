import { decide } from "../model/decide.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { MaybePromise } from "../store.ts";
import { runAtomic } from "./atomic.ts";
import { attemptId, comparePayload, prepareClaim } from "./claim.ts";
import { checkDefinition } from "./definition.ts";
import { type RunRequest, type RunResult, toRunResult } from "./handle.ts";
import type { BodyOf } from "./op.ts";
import { type AtomicOptions, atomicDefinition } from "./options.ts";
import { type Performed, refuse } from "./performed.ts";
import type { Ports } from "./ports.ts";
import { toReplay } from "./settlement.ts";
import type { InputOf, StandardSchema } from "./standard-schema.ts";

/** An operation inside a transaction that the user's ORM owns. */
export interface Joined<Tx> {
  /**
   * Claims and settles inside the transaction: both become true with its commit, or never.
   *
   * @throws capability-missing, what is wrong with the call, and whatever the handler throws, so
   *   that the ORM rolls the transaction back
   */
  atomic<Schema extends StandardSchema, R>(
    name: string,
    options: AtomicOptions<Tx, "async", Schema, R>,
    request: RunRequest<InputOf<Schema>>,
  ): Promise<RunResult<BodyOf<Awaited<R>>>>;
}

export function joinTransaction<Tx>(ports: Ports, tx: Tx): Joined<Tx> {
  return {
    async atomic(name, options, request) {
      const performed = await runJoined(ports, tx, name, options as never, request);
      if (performed.kind === "refused" && performed.error !== undefined) throw performed.error;
      return toRunResult(performed) as never;
    },
  };
}

async function runJoined(
  ports: Ports,
  tx: unknown,
  name: string,
  options: Parameters<typeof atomicDefinition>[1],
  { scope, key, input }: RunRequest<unknown>,
): Promise<Performed> {
  const { store, settings } = ports;
  if (store.join === undefined) throw new NevertwiceError("capability-missing", "It cannot join.");
  const join = store.join.bind(store);
  const definition = checkDefinition(atomicDefinition(name, options));
  if (definition.planned)
    throw new NevertwiceError(
      "option-invalid",
      "A `plan` has a transaction of its own. Inside of yours, declare a `handler`.",
    );
  const claim = await prepareClaim(ports, definition, { origin: "own", scope, key, input });
  const request = { ...claim.request, attemptId: attemptId(ports) };
  const found = await runAtomic(ports, definition, request, claim.input, (asked, work) =>
    join(tx, asked, () => work(tx) as MaybePromise<never>),
  );
  if (!("snapshot" in found)) return found;
  const { record, now } = found.snapshot;
  const payload = comparePayload(definition, claim, record);
  const { attemptsMax } = settings;
  const event = {
    type: "claim",
    now,
    attemptId: "",
    payload,
    attemptsMax,
    afterCrash: "doubt",
  } as const;
  const decision = decide(record, event);
  if (decision.kind === "refuse") return refuse(decision.code, decision.retryAfterMs);
  if (record.outcome) return toReplay(ports, record.id, record.outcome);
  // Taking a visible claim over is not a matter of somebody else's transaction.
  return refuse("in-progress", 1_000);
}
