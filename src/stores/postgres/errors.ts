import { NevertwiceError } from "../../model/errors.ts";
import type { Answer } from "../../store.ts";
import { PLANNED, SQLSTATES } from "./statements.ts";

/** How far a call had come when it failed. */
export type Reached =
  /** Nothing was sent. */
  | "connect"
  /** Inside a transaction whose COMMIT was not sent: it cannot have been committed. */
  | "open"
  /** A statement that commits by itself, or the COMMIT. */
  | "commit";

type Failure = Exclude<Answer<never>, { kind: "ok" }>;

/**
 * Classes of SQLSTATE whose error proves that the statement was undone.
 * Every other one, and every error without a SQLSTATE, leaves it unknown.
 */
const DEFINITE_CLASSES: ReadonlySet<string> = new Set([
  ...["0A", "21", "22", "23", "25", "26", "28", "3D", "3F", "40", "42", "44", "53", "54", "55"],
  ...["P0", "NT"],
]);

/** Exceptions to their class: the statement's completion is unknown. */
const UNKNOWN: ReadonlySet<string> = new Set(["40003"]);

/** Definite codes beside the classes: a cancelled statement, and a server that takes nobody in. */
const DEFINITE: ReadonlySet<string> = new Set(["57014", "57P03"]);

/**
 * Worth the same call again at once: serialization failure, deadlock, lock time-out, a vanished
 * or doubled prepared statement, and a server or pool that is full or starting.
 */
const AGAIN: ReadonlySet<string> = new Set([
  ...["40001", "40P01", "55P03", "26000", "42P05", "53300", "57P03"],
]);

/** What Node and the drivers say when a connection was never made. */
const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "CONNECT_TIMEOUT"],
]);

/** A call that the store gave up waiting for. */
export class DeadlineError extends Error {
  override readonly name: string = "DeadlineError";

  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms.`);
  }
}

export function sqlState(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  // Node's EPIPE has the shape of one.
  if ("syscall" in error) return undefined;
  const { code } = error;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Where libraries that wrap a driver's error keep it. */
const INSIDE = ["cause", "driverAdapterError", "meta"] as const;

/** Prisma's own codes have the shape of a SQLSTATE. */
const PRISMAS = /^P[1-9]\d{3}$/;

/** The database's own error inside of what Drizzle, Prisma or another library made of it. */
export function innermost(error: unknown): unknown {
  const state = sqlState(error);
  if (state !== undefined && !PRISMAS.test(state)) return error;
  if (typeof error !== "object" || error === null) return error;
  for (const name of INSIDE) {
    const inner = innermost((error as Readonly<Record<string, unknown>>)[name]);
    const code = sqlState(inner);
    if (code === undefined || PRISMAS.test(code)) continue;
    if (inner instanceof Error) return inner;
    const { message } = inner as { readonly message?: unknown };
    return Object.assign(new Error(String(message), { cause: error }), { code });
  }
  return error;
}

/** The three answers' last two, by how far the call had come. */
export function classify(error: unknown, reached: Reached): Failure {
  const state = sqlState(error);
  const again = state !== undefined && AGAIN.has(state);
  if (reached === "connect")
    return { kind: "not-applied", error, again: state === undefined || again };
  if (reached === "open" || neverConnected(error) || isDefinite(state))
    return { kind: "not-applied", error: explain(error, state), again };
  return { kind: "not-known", error };
}

function isDefinite(state: string | undefined): boolean {
  if (state === undefined || UNKNOWN.has(state)) return false;
  return DEFINITE.has(state) || DEFINITE_CLASSES.has(state.slice(0, 2));
}

function neverConnected(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return typeof error.code === "string" && NEVER_CONNECTED.has(error.code);
}

/** The way out, for the errors that a person has to mend. */
function explain(error: unknown, state: string | undefined): unknown {
  // Inside of a function of ours it is a statement of the user's that found no table.
  if (isPlanned(error)) return error;
  if (state === "42P01" || state === "42883")
    return new NevertwiceError("schema-outdated", undefined, { cause: error });
  if (state === "25006")
    return new NevertwiceError(
      "store-unavailable",
      "The store is connected to a standby or to a read-only database.",
      { cause: error },
    );
  return error;
}

/** Whether a statement of a plan failed, by where the server says that the error was. */
export function isPlanned(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("where" in error)) return false;
  return typeof error.where === "string" && error.where.includes(PLANNED);
}

/** The answer inside a refused fenced write, or undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  return sqlState(error) === SQLSTATES.refused && error instanceof Error
    ? error.message
    : undefined;
}

/** A deadlock or serialization failure, also one that an ORM wrapped: worth another run. */
export function isRerun(error: unknown): boolean {
  const state = sqlState(innermost(error));
  return state === "40001" || state === "40P01";
}

/** Whether Node or postgres.js said that the connection is gone, or the server that it ends it. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  if ("syscall" in error || code === "57P01") return true;
  if (typeof code === "string" && code.startsWith("CONNECTION_")) return true;
  return cause !== undefined && isLost(cause);
}
