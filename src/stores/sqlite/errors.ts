import { isNevertwiceError, NevertwiceError } from "../../model/errors.ts";
import type { Answer } from "../../store.ts";

/** What is known after SQLite's primary result code. @see https://www.sqlite.org/rescode.html */
interface Meaning {
  /** Another connection was in the way: the same call can succeed a moment later. */
  readonly again: boolean;
  /** Whether COMMIT surely changed nothing when it fails like this. */
  readonly certainAtCommit: boolean;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  BUSY: { again: true, certainAtCommit: true },
  LOCKED: { again: true, certainAtCommit: true },
  CONSTRAINT: { again: false, certainAtCommit: true },
};

/** A full disk or a failed fsync can leave a commit behind that the next recovery finds. */
const OTHER: Meaning = { again: false, certainAtCommit: false };

/** The primary codes by number, as node:sqlite gives them; better-sqlite3 gives their names. */
const CODES: Readonly<Record<number, string>> = { 5: "BUSY", 6: "LOCKED", 19: "CONSTRAINT" };

/** A transaction that is open on the same connection, or, with better-sqlite3, a query. */
const IN_THE_WAY = new RegExp(
  [
    ...["cannot start a transaction within", "from within a transaction"],
    ...["may not be changed inside a transaction", "connection is busy executing a query"],
  ].join("|"),
);
const NO_TABLE = /no such (?:table|column)|has no column named/;

export function isBusy(error: unknown): boolean {
  return meaningOf(error).again || IN_THE_WAY.test(messageOf(error));
}

export function isConstraint(error: unknown): boolean {
  return resultCode(error) === "CONSTRAINT";
}

/** The answer to a statement that failed: its savepoint was rolled back, so nothing applied. */
export function refused(error: unknown): Answer<never> {
  const outdated = !isNevertwiceError(error) && NO_TABLE.test(messageOf(error));
  return {
    kind: "not-applied",
    error: outdated ? new NevertwiceError("schema-outdated", undefined, { cause: error }) : error,
    again: isBusy(error),
  };
}

/** The answer to everything that a failed COMMIT should have kept. */
export function failed(error: unknown): Answer<never> {
  const { again, certainAtCommit } = meaningOf(error);
  return certainAtCommit ? { kind: "not-applied", error, again } : { kind: "not-known", error };
}

function meaningOf(error: unknown): Meaning {
  return MEANINGS[resultCode(error) ?? ""] ?? OTHER;
}

function resultCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  // The low byte is the primary code, the rest says which kind of it.
  if ("errcode" in error && typeof error.errcode === "number") return CODES[error.errcode & 0xff];
  if (!("code" in error) || typeof error.code !== "string") return undefined;
  return /^SQLITE_([A-Z]+)/.exec(error.code)?.[1];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}
