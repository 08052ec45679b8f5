import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { test } from "node:test";
import { command, ROOT } from "../scripts/command.ts";
import { SETTINGS_DEFAULT } from "../src/core/settings.ts";
import * as rootDoor from "../src/index.ts";
import { isFinal, STATES, TRANSITIONS } from "../src/model/operation.ts";
import { migrations as postgresMigrations } from "../src/stores/postgres/schema.ts";
import { tableNames } from "../src/stores/postgres/statements.ts";
import { migrations as sqliteMigrations } from "../src/stores/sqlite/schema.ts";
import { compile } from "./docs/compile.ts";
import {
  allPages,
  blocksOf,
  brokenLinks,
  manifest,
  namesOf,
  readPage,
  sectionOf,
} from "./docs/pages.ts";

const pages = allPages();
const events = namesOf(readPage("docs/reference/events.md").text);

test("every relative link leads to a file and a heading", () => {
  assert.deepEqual(pages.flatMap(brokenLinks), []);
  const broken = {
    path: "README.md",
    text: "[a](nowhere.md) [b](#nowhere) [c](docs/start.md#buy)",
  };
  assert.equal(brokenLinks(broken).length, 3);
});

test("every program on the pages compiles, and every event is on its page", async (t) => {
  const blocks = pages.flatMap(blocksOf);
  const programs = blocks.filter(({ unchecked }) => unchecked === undefined);
  const reasons = blocks.flatMap(({ page, line, unchecked }) =>
    unchecked === undefined ? [] : [`${page}:${line} ${unchecked}`],
  );
  t.diagnostic(`${programs.length} programs; not compiled: ${reasons.join(", ") || "none"}`);
  const unexplained = reasons.filter((reason) => reason.endsWith(" "));
  assert.deepEqual(unexplained, [], "a block that is not compiled says why");
  const listed = events.map((name) => JSON.stringify(name)).join(" | ");
  const { code, output } = await compile(programs, eventsProgram(listed));
  assert.equal(code, 0, output);
});

/** Compiles only if the listed events are those of the type, both ways. */
function eventsProgram(listed: string): string {
  return `import type { Report } from "nevertwice";
type Listed = ${listed};
type Unlisted = Exclude<Report["type"], Listed>;
type Invented = Exclude<Listed, Report["type"]>;
export const unlisted: [Unlisted] extends [never] ? "none" : Unlisted = "none";
export const invented: [Invented] extends [never] ? "none" : Invented = "none";
`;
}

test("no event is listed twice", () => {
  assert.deepEqual(events, [...new Set(events)]);
});

test("the drawing of the states is the table of transitions", () => {
  const { text } = readPage("docs/reference/states.md");
  const drawn = [...text.matchAll(/^ {2}(\S+) --> (\S+)$/gm)].map(
    ([, from, to]) => `${from} ${to}`,
  );
  const legal = STATES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} ${to}`));
  const ends = STATES.filter(isFinal).map((state) => `${state} [*]`);
  assert.deepEqual(drawn.toSorted(), [...legal, ...ends, "[*] running"].toSorted());
});

test("the glossary has each word once", () => {
  const rows = [...readPage("docs/glossary.md").text.matchAll(/^\| ([a-z][^|]*?) \| [^|]+ \|/gm)];
  const words = rows.map(([, word = ""]) => word.replace(/ \(.*\)$/, ""));
  const [heading, ...rest] = words;
  assert.equal(heading, "word");
  assert.ok(rest.length > 0);
  assert.deepEqual(rest.toSorted(), [...new Set(rest)].toSorted());
});

test("the settings page has every setting with its default, and no other", () => {
  const [own = ""] = readPage("docs/reference/settings.md").text.split(/^## /m);
  const rows = [...own.matchAll(/^\| `([\w.]+)` \| `([^`]+)` \|/gm)];
  const listed = rows.map(([, name, value]) => `${name} ${value}`);
  const settings = Object.entries(SETTINGS_DEFAULT).flatMap(([name, value]) =>
    typeof value === "object"
      ? Object.entries(value).map(([part, inner]) => `${name}.${part} ${inner}`)
      : [`${name} ${value}`],
  );
  assert.deepEqual(listed.toSorted(), settings.toSorted());
});

const CONTRACTS = ["src/store.ts", "src/store/inbox.ts", "src/store/outbox.ts"];

test("the store's page has the guarantees of the contract, word for word", () => {
  const contract = CONTRACTS.flatMap((path) => numbered(readFileSync(join(ROOT, path), "utf8")));
  assert.ok(contract.length > 0);
  assert.deepEqual(numbered(readPage("docs/reference/store.md").text), contract);
});

/** The items of a numbered list, in a page or in a comment, each with the lines that it goes on. */
function numbered(text: string): string[] {
  const items: string[] = [];
  let open = false;
  for (const line of text.split("\n").map((whole) => whole.replace(/^ \*\/?/, "").trim())) {
    const begins = /^\d+\. /.test(line);
    if (begins) items.push(line);
    else if (open && line !== "") items.push(`${items.pop()} ${line}`);
    open = begins || (open && line !== "");
  }
  return items;
}

test("the schema page names every table and every column of both databases", () => {
  const page = readPage("docs/reference/schema.md");
  const postgres = postgresMigrations(tableNames("n_")).map((migration) => migration.sql);
  const sqlite = sqliteMigrations("n_").map((migration) => migration.sql);
  const found = [
    ...[...postgres, ...sqlite].join("\n").matchAll(/^CREATE TABLE n_(\w+) \(\n([^;]*?)^\)/gm),
  ];
  const tables = found.filter(([, table]) => table !== "setting");
  const missing = tables.flatMap(([, table = "", body = ""]) => {
    const prose = sectionOf(page, table).toLowerCase();
    const columns = [...body.matchAll(/^ {2}([a-z_]+) /gm)].map(([, column = ""]) => column);
    return columns
      .filter((column) => !["id", "number", "operation_id"].includes(column))
      .filter((column) => !new RegExp(`\\b${column}\\b`).test(prose))
      .map((column) => `${table}.${column}`);
  });
  assert.equal(tables.length, 33);
  assert.deepEqual(missing, []);
});

test("the page of the command line has every command and every option", async () => {
  const main = ["--conditions=source", "src/cli/main.ts"];
  const { output } = await command("node", [...main, "--help"]);
  const [, list = ""] = output.split("Commands:");
  const commands = [...list.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = ""]) => name);
  const known = commands.filter((name) => name !== "help");
  const page = readPage("docs/reference/cli.md");
  const headings = [...page.text.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(headings.toSorted(), known.toSorted());
  const helps = await Promise.all(
    known.map(async (name) => ({ name, ...(await command("node", [...main, name, "--help"])) })),
  );
  const [common = ""] = page.text.split(/^## /m);
  const missing = helps.flatMap(({ name, output: help }) =>
    [...help.matchAll(/^ {2}(?:-h, )?(--[a-z-]+)/gm)]
      .map(([, option = ""]) => option)
      .filter((option) => option !== "--help")
      .filter((option) => !`${common}${sectionOf(page, name)}`.includes(`\`${option}`))
      .map((option) => `${name} ${option}`),
  );
  assert.deepEqual(missing, []);
});

test("the page of the operation names everything that the root door exports", () => {
  const { text } = readPage("docs/reference/operation.md");
  const missing = Object.keys(rootDoor).filter((name) => !new RegExp(`\` ?${name}\\b`).test(text));
  assert.deepEqual(missing, []);
});

test("the README names the commands and the doors that there are", () => {
  const { text } = readPage("README.md");
  const { scripts, exports } = manifest();
  for (const name of ["start", "test"]) {
    assert.ok(text.includes(`\n\`\`\`\nnpm install && npm ${name}\n\`\`\`\n`), name);
    assert.ok(name in scripts, name);
  }
  assert.match(
    sectionOf(readPage("README.md"), "Development"),
    /^.*\n+```\nnpm install && npm test\n/,
  );
  const doors = Object.keys(exports).filter((door) => door !== "./package.json");
  const [, table = ""] = text.split("| your database |");
  const named = [...(table.split("\n\n")[0] ?? "").matchAll(/`(nevertwice(?:\/[a-z/-]+)?)`/g)];
  const expected = doors.map((door) => `nevertwice${door.slice(1)}`);
  assert.deepEqual(named.map(([, door]) => door).toSorted(), expected.toSorted());
});

test("ARCHITECTURE.md has one line for every file of the sources, and no other", () => {
  const { text } = readPage("ARCHITECTURE.md");
  const [, rooms = ""] = text.split("## The rooms");
  const [inside = ""] = rooms.split("## Two walks");
  let room = "";
  const listed = inside.split("\n").flatMap((line) => {
    const top = /^### `([a-z]+\.ts)`/.exec(line)?.[1];
    if (top !== undefined) return [top];
    room = /^(?:### )?`([a-z/]+\/)`/.exec(line)?.[1] ?? room;
    const isEntry = line.startsWith("- `") || line.startsWith("  `");
    return isEntry ? [...line.matchAll(/`([a-z/-]+\.ts)`/g)].map(([, name]) => room + name) : [];
  });
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.split(sep).join("/"));
  assert.deepEqual(listed.toSorted(), files.toSorted());
});
