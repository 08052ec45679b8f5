import { NevertwiceError } from "../model/errors.ts";
import type { CallbackMode, MaybePromise } from "../store.ts";
import type { AtomicOp } from "./atomic.ts";
import type { Definition } from "./definition.ts";
import type { Op } from "./op.ts";
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
}

export interface AtomicOptions<Tx, Mode extends CallbackMode, Schema extends StandardSchema, R>
  extends CommonOptions<Schema> {
  readonly handler: (op: AtomicOp<Tx>, input: OutputOf<Schema>) => Callback<Mode, R>;
}

/** What is left of the options once their author has been served by their types. */
type UntypedOptions = CommonOptions<StandardSchema> & { readonly handler: unknown };

export function operationDefinition(name: string, options: UntypedOptions): Definition {
  return { ...common(name, options), form: "resumable", handler: checkHandler(options.handler) };
}

export function atomicDefinition(name: string, options: UntypedOptions): Definition {
  return { ...common(name, options), form: "atomic", handler: checkHandler(options.handler) };
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
  };
}

function checkHandler(handler: unknown): NonNullable<Definition["handler"]> {
  if (typeof handler === "function") return handler as NonNullable<Definition["handler"]>;
  throw new NevertwiceError("option-invalid", "`handler` is a function of (op, input).");
}
