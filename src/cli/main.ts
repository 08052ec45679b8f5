#!/usr/bin/env node
import { Command } from "commander";
import { readDemoOptions } from "./demo/options.ts";
import { superviseDemo } from "./demo/supervisor.ts";

const program = new Command("nevertwice").description("One key, one outcome.");

program
  .command("demo")
  .description("a shop and a payment provider to break things with")
  .option("--port <number>", "the shop's port (PORT, 4242)")
  .option("--db <file or url>", "a SQLite file or a postgres:// URL")
  .option("--sandbox <url>", "a provider that runs already")
  .action(async (flags) => {
    const options = readDemoOptions(flags, process.env);
    if ("refused" in options) program.error(options.refused, { exitCode: 2 });
    else process.exitCode = await superviseDemo(options);
  });

void program.parseAsync();
