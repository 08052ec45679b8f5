import assert from "node:assert/strict";
import { test } from "node:test";
import { NETWORK_EVIDENCE } from "../../src/model/network.ts";
import { STATUSES_NOT_EXECUTED, STATUSES_REFUSED } from "../../src/providers/fetch.ts";
import { readPage } from "../docs/pages.ts";
import { allFacts, rowOf } from "./facts.ts";

test("the page of the providers has the facts of each, as its adapter has them", async () => {
  const { text } = readPage("docs/guides/providers.md");
  const listed = text
    .split("\n")
    .filter((line) => /^\| `[a-z]+` \| (?:header|body|no keys)/.test(line));
  const facts = await allFacts();
  assert.ok(facts.length > 0);
  assert.deepEqual(listed.toSorted(), facts.map(rowOf).toSorted());
});

test("every fact is by a page of its provider", async () => {
  for (const { provider, sources, lengths, keptForMs } of await allFacts()) {
    assert.ok(sources.length > 0, provider);
    for (const source of sources) assert.equal(new URL(source).protocol, "https:", provider);
    assert.ok(lengths[0] <= lengths[1] && (keptForMs ?? 1) > 0, provider);
  }
});

test("the page of evidence has each row of the table of the network", () => {
  const lines = readPage("docs/reference/evidence.md").text.split("\n");
  const rows = lines.filter((line) => /^\| (?:`[A-Z_]+` ?)+/.test(line));
  const listed = rows.map((row) => {
    const [, codes = "", syscall = "", verdict = ""] = row.split("|").map((cell) => cell.trim());
    return [namesIn(codes), namesIn(syscall)[0], verdict.replace(" ", "-")];
  });
  const table = NETWORK_EVIDENCE.map((row) => [row.codes.toSorted(), row.syscall, row.verdict]);
  assert.deepEqual(listed, table);
});

/** The codes in backticks of a cell, before what is told of it in words. */
function namesIn(cell: string): string[] {
  const [codes = ""] = cell.split(", and");
  return [...codes.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name).toSorted();
}

test("the page of evidence has the statuses that are proofs", () => {
  const { text } = readPage("docs/reference/evidence.md");
  for (const [verdict, statuses] of [
    ["not executed", STATUSES_NOT_EXECUTED],
    ["refused", STATUSES_REFUSED],
  ] as const) {
    const rows = [...text.matchAll(/^\| ((?:\d{3} ?)+) \| ([a-z ]+) \|/gm)];
    const mine = rows.filter(([, , word]) => word === verdict);
    const listed = mine.flatMap(([, cell = ""]) => cell.split(" ").map(Number));
    assert.deepEqual(listed.toSorted(), [...statuses].toSorted());
  }
});
