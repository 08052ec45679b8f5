import { ERRORS, type ErrorCode, NevertwiceError, type Retry } from "../model/errors.ts";
import { decodeJson } from "../model/json.ts";
import type { Origin } from "../model/key.ts";
import type { OutcomeKind } from "../model/outcome.ts";
import type { OpaqueHandler } from "./attempt.ts";
import type { Call } from "./claim.ts";
import type { Definition } from "./definition.ts";
import { assertNamespace } from "./namespace.ts";
import { perform } from "./operation.ts";
import type { Performed } from "./performed.ts";
import type { Ports } from "./ports.ts";

/** One intended operation, from a job or a script. */
export interface RunRequest<Input> {
  /** Who owns the key: the account, never a credential. */
  readonly scope: string;
  /** Unique per intended operation; `businessKey` makes one of a business fact. */
  readonly key: string;
  readonly input: Input;
  /**
   * Whose key it is: `own` by default. `http` for a key that a client sent, so that no client can
   * occupy the key of a job of yours.
   */
  readonly origin?: Origin;
  /** How long to wait for a run that is under way elsewhere, in milliseconds. */
  readonly waitMs?: number;
}

/** How an operation stands: with its outcome, or why there is none yet. */
export type RunResult<Body> = RunOutcome<Body> | RunRefusal;

/** The two final results, each a member of its own so that a look at `kind` tells them apart. */
export type RunOutcome<Body> = RunEnd<"succeeded", Body> | RunEnd<"failed", Body>;

export interface RunEnd<Kind extends OutcomeKind, Body> {
  readonly kind: Kind;
  readonly status: number;
  /** Always parsed from the stored bytes. */
  readonly body: Body;
  readonly reference: string | undefined;
  /** False for the one call whose attempt produced the outcome. */
  readonly replayed: boolean;
}

/** `kind` is spelled as the problem's code. */
export interface RunRefusal {
  readonly kind: ErrorCode;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;
  /** The handler's own error, if this call's attempt failed. */
  readonly error?: unknown;
}

/** A declared operation. */
export interface Operation<Input, Body> {
  readonly name: string;
  /**
   * Runs the operation, or answers from its record.
   *
   * @throws scope-missing, key-malformed, input-invalid and other mistakes of the call itself
   * @example const result = await refund.run({ scope: "acct_7", key:
   *   businessKey`refund:${orderId}:1`, input });
   */
  run(request: RunRequest<Input>): Promise<RunResult<Body>>;
  /** The seam for the doors: bytes in, bytes out. */
  readonly door: Door;
}

export interface Door {
  readonly definition: Definition;
  readonly ports: Ports;
  perform(call: Call, opaque?: OpaqueHandler): Promise<Performed>;
}

export function createHandle(ports: Ports, definition: Definition): Operation<never, never> {
  const act = (call: Call, opaque?: OpaqueHandler): Promise<Performed> => {
    const go = (): Promise<Performed> => perform(ports, definition, call, opaque);
    return ports.namespace === undefined ? go() : assertNamespace(ports).then(go);
  };
  return {
    name: definition.name,
    door: { definition, ports, perform: act },
    async run(request) {
      const { origin = "own", scope, key, input, waitMs } = request;
      return toRunResult(await act({ origin, scope, key, input, waitMs })) as RunResult<never>;
    },
  };
}

export function toRunResult(performed: Performed): RunResult<unknown> {
  if (performed.kind === "passing") {
    return {
      kind: "retry-scheduled",
      retry: "same-key",
      retryAfterMs: 0,
      error: new Error(`The handler answered ${performed.status}.`),
    };
  }
  if (performed.kind === "refused") {
    const { code, retryAfterMs, error } = performed;
    return {
      kind: code,
      retry: retryOf(performed),
      retryAfterMs,
      ...(error === undefined ? {} : { error }),
    };
  }
  const { kind, status, body, reference, replayed } = performed;
  const json = performed.headers.some(
    ([name, value]) => name === "content-type" && !value.includes("json"),
  );
  return { kind, status, body: json ? body : decodeJson(body), reference, replayed };
}

/** A failed operation whose response is gone may be tried again as a new one. */
export function retryOf(refused: Extract<Performed, { kind: "refused" }>): Retry {
  if (refused.code === "key-expired" && refused.outcome?.kind === "failed") return "new-key";
  return ERRORS[refused.code].retry;
}

/**
 * The outcome, for those who throw.
 *
 * @throws the refusal's error; a failed outcome is returned, not thrown
 * @example const { body } = unwrap(await refund.run(request));
 */
export function unwrap<Body>(result: RunResult<Body>): RunOutcome<Body> {
  if ("replayed" in result) return result;
  throw new NevertwiceError(result.kind, undefined, { cause: result.error });
}
