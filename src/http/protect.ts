import type { AfterCrash } from "../core/definition.ts";
import type { Door, Operation } from "../core/handle.ts";
import type { Once } from "../core/once.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { CallbackMode } from "../store.ts";
import type { HandleOptions } from "./handle.ts";
import { isForbidden } from "./reply.ts";

/** Where a door is mounted, the same for every framework. */
export interface ProtectOptions<Request> {
  /**
   * The account that owns the keys, never a credential; undefined is refused. It runs after your
   * authorisation.
   */
  readonly scope: (request: Request) => string | undefined | Promise<string | undefined>;
  /** JSON that stands for the payload where its bytes do not, such as a parsed multipart body. */
  readonly fingerprint?: (request: Request) => unknown;
  /** Response headers to store and replay besides the usual ones. */
  readonly headers?: readonly string[];
  /** Where a client can look an operation up by its key; becomes a `Link` header. */
  readonly link?: (key: string) => string;
}

/** For a declared operation. */
export interface OperationProtectOptions<Request> extends ProtectOptions<Request> {
  /** What of the request is the input; the JSON body by default. */
  readonly input?: (request: Request) => unknown;
}

/** For handlers that exist already. */
export interface WrapOptions<Request> extends ProtectOptions<Request> {
  /** Part of the fingerprint, so that one key cannot mean two things. */
  readonly name: string;
  /** What a crash in the middle of a handler means; no default is safe, so it must be chosen. */
  readonly afterCrash: AfterCrash;
  /** False lets requests without a key through unprotected. */
  readonly required?: boolean;
}

export type Protectable = Operation<never, unknown> | Once<never, CallbackMode>;

function isOnce(target: object): target is Once<never, CallbackMode> {
  return "opaque" in target;
}

/** The door of an operation, or of handlers that are only wrapped. @throws option-invalid */
export function doorOf(target: unknown, options: unknown): Door {
  checkTarget(target);
  checkProtectOptions(options);
  if (!isOnce(target)) return target.door;
  const wrap = options as Partial<WrapOptions<unknown>>;
  if (wrap.afterCrash === undefined) {
    throw new NevertwiceError(
      "option-invalid",
      '`afterCrash` is missing. Choose "doubt", "rerun" or a probe; see docs/guides/wrap-handlers.md.',
    );
  }
  if (typeof wrap.name !== "string")
    throw new NevertwiceError("option-invalid", "`name` is missing.");
  return target.opaque(wrap.name, { afterCrash: wrap.afterCrash }).door;
}

function checkTarget(target: unknown): asserts target is Protectable {
  const usable =
    typeof target === "object" && target !== null && ("door" in target || "opaque" in target);
  if (!usable)
    throw new NevertwiceError(
      "option-invalid",
      "protect() takes an operation or what nevertwice() returned.",
    );
}

function checkProtectOptions(options: unknown): void {
  const scope =
    typeof options === "object" && options !== null && "scope" in options
      ? options.scope
      : undefined;
  if (typeof scope !== "function")
    throw new NevertwiceError("scope-missing", "`scope` is a function of the request.");
}

export function handleOptions(options: ProtectOptions<never>): HandleOptions {
  const headers = new Set((options.headers ?? []).map((name) => name.toLowerCase()));
  for (const name of headers) {
    if (isForbidden(name))
      throw new NevertwiceError("option-invalid", `The header ${name} is never replayed.`);
  }
  return { headers, link: options.link };
}

/** Methods that change nothing by their definition pass by. @see RFC 9110, section 9.2.1 */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Whether a wrapped request goes through without protection. */
export function passesBy(
  method: string,
  key: string | undefined,
  options: { readonly required?: boolean },
): boolean {
  return SAFE.has(method.toUpperCase()) || (options.required === false && key === undefined);
}
