import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { FAULT_NAMES, isSeed } from "../sandbox/faults.ts";
import { providers } from "../sandbox/providers/all.ts";
import { startSandbox } from "../sandbox/server.ts";
import { WEBHOOK_FAULT_NAMES } from "../sandbox/webhooks/faults.ts";
import { EXIT, Exit, parseDuration } from "./exit.ts";
import type { Output } from "./output.ts";

/** The flags of `nevertwice sandbox` as they were typed. */
export interface SandboxFlags {
  readonly port: string;
  readonly file: string;
  readonly seed?: string;
  readonly retention?: string;
}

/** Runs the payment providers until SIGINT or SIGTERM. @throws Exit */
export async function runSandbox(flags: SandboxFlags, output: Output): Promise<void> {
  const port = Number(flags.port);
  if (!/^\d{1,5}$/.test(flags.port) || port > 65_535)
    throw new Exit(EXIT.usage, `--port must be a number from 0 to 65535, not "${flags.port}".`);
  const seed = flags.seed === undefined ? undefined : Number(flags.seed);
  if (seed !== undefined && !(isSeed(seed) && /^\d+$/.test(flags.seed ?? "")))
    throw new Exit(EXIT.usage, `--seed must be a whole number, not "${flags.seed}".`);
  const { retention } = flags;
  const settings =
    retention === undefined ? {} : { retentionMs: parseDuration(retention, "--retention") };
  await mkdir(dirname(flags.file), { recursive: true });
  const told = new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  const { file } = flags;
  const sandbox = await startSandbox({
    port,
    file,
    settings,
    ...(seed === undefined ? {} : { seed }),
  });
  greet(sandbox.url, file, output);
  await told;
  await sandbox.close();
}

function greet(url: string, file: string, output: Output): void {
  const bold = (text: string): string => output.paint(text, "bold");
  output.line(`Sandbox   ${output.paint(url, "green")}`);
  output.line(`File      ${file}`);
  output.line();
  output.line(bold("It speaks"));
  for (const provider of providers) {
    output.line(`  ${provider.title}`);
    output.line(`    ${provider.setup(url)}`);
  }
  output.line();
  output.line(bold("Break the next call"));
  output.line(`  curl ${url}/sandbox/faults -d '{"next":["timeout-after"]}'`);
  output.line(bold("Break one call in five"));
  output.line(
    `  curl ${url}/sandbox/faults -d '{"probability":0.2,"faults":["500-after"],"seed":7}'`,
  );
  output.line(`  ${FAULT_NAMES.join(" ")}`);
  output.line(bold("Be told by webhook, signed, and break the next one"));
  output.line(
    `  curl ${url}/sandbox/webhooks -d '{"provider":"plain","url":"http://127.0.0.1:3000/hooks"}'`,
  );
  output.line(`  curl ${url}/sandbox/webhook-faults -d '{"next":["duplicate-at-once:3"]}'`);
  output.line(`  ${WEBHOOK_FAULT_NAMES.join(" ")}`);
  output.line(bold("See what moved money"));
  output.line(`  curl ${url}/sandbox/ledger`);
  output.line(bold("Let a day pass"));
  output.line(`  curl ${url}/sandbox/clock -d '{"advanceMs":86400000}'`);
}
