import { NevertwiceError } from "../model/errors.ts";
import { checkKey, type Origin, recordId } from "../model/key.ts";
import type { Doubt, State } from "../model/operation.ts";
import { checkScope } from "../model/scope.ts";
import { type Ports, within } from "./ports.ts";

export interface LookupRequest {
  readonly scope: string;
  readonly key: string;
  /** Where the key came from; `http` by default. */
  readonly origin?: Origin;
  /** The operation's name, for one that was declared with `keysPer: "operation"`. */
  readonly operation?: string;
}

/**
 * How an operation stands, without its bodies. Times are the database's, in milliseconds since the
 * epoch.
 */
export interface OperationStatus {
  readonly name: string;
  readonly state: State;
  readonly attempts: number;
  readonly createdAt: number;
  readonly finalAt: number | undefined;
  readonly dueAt: number | undefined;
  readonly doubt: Doubt | undefined;
  /** The outcome's HTTP status. */
  readonly status: number | undefined;
  readonly reference: string | undefined;
}

/**
 * How the operation of a key stands; undefined for an unknown key and for somebody else's alike.
 *
 * @throws scope-missing, key-malformed, store-unavailable
 */
export async function lookUp(
  ports: Ports,
  request: LookupRequest,
): Promise<OperationStatus | undefined> {
  const scope = checkScope(request.scope);
  const key = checkKey(request.key);
  const id = recordId(request.origin ?? "http", scope, key, request.operation);
  const answer = await within(ports, ports.store.read(id));
  if (answer.kind !== "ok")
    throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
  if (answer.value === undefined) return undefined;
  const { name, state, attempts, createdAt, finalAt, dueAt, doubt, outcome } = answer.value.record;
  const { status, reference } = outcome ?? {};
  return { name, state, attempts, createdAt, finalAt, dueAt, doubt, status, reference };
}
