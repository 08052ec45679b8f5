import assert from "node:assert/strict";
import { test } from "node:test";
import { readPage, sectionOf } from "../docs/pages.ts";
import { commandLine } from "./traffic.ts";

const cli = commandLine("none.db");
const page = readPage("docs/reference/cli.md");

for (const group of ["inbox", "outbox"])
  test(`the page of the command line has every command of ${group} and its options`, () => {
    const [, list = ""] = cli(group, "--help").out.split("Commands:");
    const commands = [...list.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name = ""]) => name);
    const [, ...parts] = sectionOf(page, group).split(/^### /m);
    const sections = new Map(parts.map((text) => [text.split("\n")[0], text]));
    assert.deepEqual(
      [...sections.keys()],
      commands.map((name) => `${group} ${name}`),
    );
    const [common = ""] = page.text.split(/^## /m);
    for (const name of commands) {
      const prose = `${common}${sections.get(`${group} ${name}`)}`;
      const help = cli(group, name, "--help").out;
      const options = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option = ""]) => option);
      assert.ok(options.length >= 3, `${group} ${name} has the options of a store`);
      for (const option of options)
        assert.ok(prose.includes(`\`${option}`), `${group} ${name} ${option}`);
    }
  });
