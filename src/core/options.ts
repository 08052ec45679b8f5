import { NevertwiceError } from "../model/errors.ts";
import type { CallbackMode, MaybePromise } from "../store.ts";
import type { AtomicOp } from "./atomic.ts";
import type { Compensation, Definition, PreviousVersion } from "./definition.ts";
import type { Op } from "./op.ts";
import type { PlanOp } from "./plan.ts";
import type { OutputOf, StandardSchema } from "./standard-schema.ts";
import type { Callback } from "./steps.ts";

/** What every declared operation may say. */
export interface CommonOptions<Schema extends StandardSchema> {
  /** Raised when steps change so that a live operation could not go on. From 1. */
  readonly version?: number;
  /** Any Standard Schema; it types the input. */
  readonly input: Schema;
  /** The input fields that make the business, by dotted path; the whole input by default. */
  readonly fingerprint?: readonly string[];
  /** Former names of the operation, so that a retry from before a renaming finds it. */
  readonly aliases?: readonly string[];
  /**
   * `operation` lets equal keys of two operations be two operations; by default that is refused.
   */
  readonly keysPer?: "scope" | "operation";
  /** Input fields that are neither stored nor handed to the handler, by dotted path. */
  readonly redact?: readonly string[];
}

export interface OperationOptions<Tx, Mode extends CallbackMode, Schema extends StandardSchema, R>
  extends CommonOptions<Schema> {
  readonly handler: (op: Op<Tx, Mode>, input: OutputOf<Schema>) => MaybePromise<R>;
  /**
   * What earlier versions ran, by their number, for their operations that have not ended. Its input
   * is parsed by its own schema if it names one.
   */
  readonly previous?: Readonly<Record<number, PreviousOptions<Tx, Mode>>>;
  /**
   * How the effect of a step is taken back where the handler cannot: when settling fails for good,
   * or when it turns out later that the effect of a failed operation did happen.
   */
  readonly compensations?: Readonly<Record<string, Compensation>>;
}

export interface PreviousOptions<Tx, Mode extends CallbackMode> {
  readonly input?: StandardSchema;
  readonly handler: (op: Op<Tx, Mode>, input: never) => unknown;
}

export interface AtomicOptions<Tx, Mode extends CallbackMode, Schema extends StandardSchema, R>
  extends CommonOptions<Schema> {
  readonly handler: (op: AtomicOp<Tx>, input: OutputOf<Schema>) => Callback<Mode, R>;
  readonly plan?: never;
}

/** An operation whose writes follow from its input alone. */
export interface PlanOptions<Schema extends StandardSchema, R> extends CommonOptions<Schema> {
  /**
   * Says what is to be written, and the outcome. It runs before the claim is known, for duplicates
   * too, so it decides and does nothing else.
   */
  readonly plan: (op: PlanOp, input: OutputOf<Schema>) => Callback<"sync", R>;
  readonly handler?: never;
}

/** What is left of the options once their author has been served by their types. */
type UntypedOptions = CommonOptions<StandardSchema> & {
  readonly handler?: unknown;
  readonly plan?: unknown;
  readonly previous?: Readonly<Record<number, { input?: StandardSchema; handler: unknown }>>;
  readonly compensations?: Readonly<Record<string, Compensation>>;
};

export function operationDefinition(name: string, options: UntypedOptions): Definition {
  return {
    ...common(name, options),
    form: "resumable",
    handler: checkHandler(options.handler),
    previous: previousVersions(options),
    compensations: options.compensations ?? {},
  };
}

export function atomicDefinition(name: string, options: UntypedOptions): Definition {
  const { handler, plan } = options;
  if (handler !== undefined && plan !== undefined)
    throw new NevertwiceError("option-invalid", "An operation has a `handler` or a `plan`.");
  const planned = plan !== undefined;
  const run = checkHandler(planned ? plan : handler);
  return { ...common(name, options), form: "atomic", handler: run, planned };
}

function common(
  name: string,
  options: CommonOptions<StandardSchema>,
): Omit<Definition, "form" | "handler"> {
  if (typeof options?.input?.["~standard"]?.validate !== "function") {
    throw new NevertwiceError(
      "option-invalid",
      "`input` is a Standard Schema, such as z.object({ … }) of Zod.",
    );
  }
  return {
    name,
    version: options.version ?? 1,
    aliases: options.aliases ?? [],
    input: options.input,
    fields: options.fingerprint,
    keysPer: options.keysPer ?? "scope",
    redact: options.redact ?? [],
    afterCrash: "rerun",
    previous: new Map(),
    compensations: {},
  };
}

function previousVersions(options: UntypedOptions): ReadonlyMap<number, PreviousVersion> {
  return new Map(
    Object.entries(options.previous ?? {}).map(([version, { input, handler }]) => {
      if (Number(version) < (options.version ?? 1))
        return [Number(version), { input, handler: checkHandler(handler) }];
      throw new NevertwiceError(
        "option-invalid",
        "`previous` has handlers of versions before `version` only.",
      );
    }),
  );
}

function checkHandler(handler: unknown): NonNullable<Definition["handler"]> {
  if (typeof handler === "function") return handler as NonNullable<Definition["handler"]>;
  throw new NevertwiceError("option-invalid", "`handler` is a function of (op, input).");
}
