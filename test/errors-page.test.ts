import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ERRORS } from "../src/model/errors.ts";

const PAGE = join(import.meta.dirname, "..", "docs", "reference", "errors.md");

interface Entry {
  readonly code: string;
  readonly status: number;
  readonly retry: string;
}

/** Every heading of the second level, which is a code, with the first words under it. */
function entriesOf(page: string): Entry[] {
  const pattern = /^## ([a-z-]+)\n\nStatus (\d+), retry `([a-z-]+)`\. [A-Z`]/gm;
  return [...page.matchAll(pattern)].map(([, code = "", status, retry = ""]) => ({
    code,
    status: Number(status),
    retry,
  }));
}

function sorted(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((one, other) => (one.code < other.code ? -1 : 1));
}

test("the errors page has every code of the table, with its status and retry, and no other", () => {
  const table = Object.entries(ERRORS).map(([code, { status, retry }]) => ({
    code,
    status,
    retry,
  }));
  assert.deepEqual(sorted(entriesOf(readFileSync(PAGE, "utf8"))), sorted(table));
});

test("every heading of the errors page that looks like a code is read as an entry", () => {
  const page = readFileSync(PAGE, "utf8");
  const headings = [...page.matchAll(/^## (\S+)$/gm)].map(([, heading]) => heading);
  assert.deepEqual(
    headings,
    entriesOf(page).map(({ code }) => code),
  );
  assert.deepEqual(entriesOf("## in-doubt\n\nStatus 503 and more.\n"), []);
});
