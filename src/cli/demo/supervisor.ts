import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../../model/clock.ts";
import { banner } from "./banner.ts";
import { keepAlive, type StartFailure } from "./keep-alive.ts";
import type { DemoOptions } from "./options.ts";

/** What a test hands in to see the supervisor at work. */
export interface Stage {
  readonly clock: Clock;
  readonly print: (text: string) => void;
  readonly colours: boolean;
  /** The module of the shop's process. */
  readonly shopEntry: URL;
}

/**
 * Runs the provider and the shop as two processes and starts either again when it dies.
 * Resolves with the exit code: 0 after SIGTERM or SIGINT, 1 if one cannot be started.
 */
export async function superviseDemo(
  options: DemoOptions,
  stage: Partial<Stage> = {},
): Promise<number> {
  const { clock, print, colours, shopEntry } = { ...defaults(), ...stage };
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGTERM", end).once("SIGINT", end);
  const failed = (who: string) => (failure: StartFailure | undefined) => {
    if (failure === undefined) return 0;
    stop.abort();
    print(explain(who, failure, options));
    return 1;
  };
  const common = { clock, signal: stop.signal };
  try {
    await mkdir(options.directory, { recursive: true });
    const ledgerFile = join(options.directory, "provider.db");
    let sandboxUrl = options.sandboxUrl;
    const started = Promise.withResolvers<void>();
    const provider =
      sandboxUrl !== undefined
        ? Promise.resolve(0)
        : keepAlive({
            ...common,
            entry: entry("sandbox-process"),
            // The shop knows the first URL, so later starts take the same port.
            start: () => ({ file: ledgerFile, port: portOf(sandboxUrl), host: "127.0.0.1" }),
            onReady: ({ url, pid }) => {
              if (sandboxUrl !== undefined) print(`The provider is back as process ${pid}.\n`);
              sandboxUrl = url;
              started.resolve();
            },
            onDeath: ({ how }) => print(`The provider ended (${how}); starting it again.\n`),
          }).then(failed("provider"));
    if (sandboxUrl === undefined) await Promise.race([started.promise, provider]);
    const ledger = options.sandboxUrl === undefined ? ledgerFile : "kept by that provider";
    let shopUrl: string | undefined;
    const shop = keepAlive({
      ...common,
      entry: shopEntry,
      start: () => ({ ...options, port: portOf(shopUrl) || options.port, sandboxUrl }),
      onReady: ({ url, pid }) => {
        if (shopUrl !== undefined) print(`The shop is back as process ${pid}.\n`);
        else print(banner({ ...options, shopUrl: url, sandboxUrl, ledger, colours }));
        shopUrl = url;
      },
      onDeath: ({ how }) => print(`The shop ended (${how}); starting it again.\n`),
    }).then(failed("shop"));
    return Math.max(...(await Promise.all([provider, shop])));
  } finally {
    process.off("SIGTERM", end).off("SIGINT", end);
  }
}

function defaults(): Stage {
  const { NO_COLOR } = process.env;
  return {
    clock: systemClock,
    print: (text) => void process.stdout.write(text),
    colours: process.stdout.isTTY && NO_COLOR === undefined,
    shopEntry: entry("shop-process"),
  };
}

/** The module of that name beside this one, from source or as built. */
function entry(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

function portOf(url: string | undefined): number {
  return url === undefined ? 0 : Number(new URL(url).port);
}

function explain(who: string, failure: StartFailure, options: DemoOptions): string {
  const lines = [`The ${who} could not be started: ${failure.reason}`];
  if (failure.code === "EADDRINUSE")
    lines.push(
      `Port ${options.port} is taken. Choose another one: PORT=${options.port + 1} npm start`,
    );
  return `${lines.join("\n")}\n`;
}
