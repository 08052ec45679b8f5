import { join } from "node:path";

/** What the demo is started with. */
export interface DemoOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** A file, or a `postgres://` URL. */
  readonly db: string;
  /** Where the demo's files go. */
  readonly directory: string;
  /** A provider that runs already; without one the demo starts its own. */
  readonly sandboxUrl?: string;
}

/** What the supervisor hands to the shop's process. */
export interface ShopOptions extends DemoOptions {
  readonly sandboxUrl: string;
  /** Where its provider reaches it, if that is not its own address. */
  readonly publicUrl?: string;
  /** The claims' lease in milliseconds; 3 s by default. */
  readonly leaseMs?: number;
  /** How many attempts an operation gets before a person is asked; 10 by default. */
  readonly attemptsMax?: number;
}

/** The flags of `nevertwice demo` as they were typed. */
export interface DemoFlags {
  readonly port?: string | undefined;
  readonly db?: string | undefined;
  readonly sandbox?: string | undefined;
}

const PORT = "4242";

/**
 * The options of flags, then environment (`PORT`, `NEVERTWICE_DEMO_DIR`), then defaults; or what is
 * wrong.
 */
export function readDemoOptions(
  flags: DemoFlags,
  environment: {
    readonly PORT?: string | undefined;
    readonly NEVERTWICE_DEMO_DIR?: string | undefined;
  },
): DemoOptions | { readonly refused: string } {
  const port = flags.port ?? (environment.PORT || PORT);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    return { refused: `The port must be a number from 0 to 65535, not "${port}".` };
  const directory = environment.NEVERTWICE_DEMO_DIR || ".nevertwice";
  const db = flags.db || join(directory, "shop.db");
  if (flags.sandbox === undefined) return { port: Number(port), db, directory };
  if (!URL.canParse(flags.sandbox) || !new URL(flags.sandbox).protocol.startsWith("http"))
    return {
      refused: `--sandbox must be a URL such as http://127.0.0.1:4243, not "${flags.sandbox}".`,
    };
  return { port: Number(port), db, directory, sandboxUrl: flags.sandbox };
}
