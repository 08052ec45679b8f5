import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { DatabaseSync } from "node:sqlite";
import { type Clock, systemClock } from "../model/clock.ts";
import { type Random, systemRandom } from "../model/random.ts";
import { anySeed, drawnLetters, lettersOf } from "./chance.ts";
import { control } from "./control.ts";
import { deliverJson } from "./delivery.ts";
import { type Desk, provide } from "./desk.ts";
import { openFaultRules } from "./fault-rules.ts";
import { readFault } from "./faults.ts";
import { openFile } from "./file.ts";
import type { Provider } from "./provider.ts";
import { providers as allProviders } from "./providers/all.ts";
import { arrivalOf } from "./routing.ts";
import { openSettings, SETTING_NAMES, type SettingName } from "./settings.ts";
import { openOffice } from "./webhooks/office.ts";

export interface SandboxOptions {
  /** The file of all that the providers know; several sandboxes may share it. */
  readonly file: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly host?: string;
  /** Makes ids and faults by chance the same in each run; a whole number from 0 to 2^31 - 1. */
  readonly seed?: number;
  /** Set at the start, for all providers; what is not named stays as the file has it. */
  readonly settings?: Readonly<Partial<Record<SettingName, number>>>;
  /** All that the sandbox knows, unless others are given. */
  readonly providers?: readonly Provider[];
  /** Whether webhooks may go to other machines; only to this one unless told. */
  readonly webhooksAnywhere?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Sandbox {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the payment providers to break things with. Rejects if the port or the file cannot be had.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const db = openFile(options.file);
  const closing = new AbortController();
  const providers = options.providers ?? allProviders;
  const host = options.host ?? "127.0.0.1";
  const address = (): string => `http://${host}:${(server.address() as AddressInfo).port}`;
  const desk = deskOf(db, { ...options, providers }, { address, closing: closing.signal });
  const server = createServer((request, response) => {
    answer(desk, providers, request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else deliverJson(response, 500, FAILED);
    });
  });
  try {
    await listen(server, options.port, host);
  } catch (error) {
    db.close();
    throw error;
  }
  // What an earlier process on this file has left.
  desk.webhooks.wake();
  return {
    url: address(),
    close: async () => {
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await desk.webhooks.ended();
      db.close();
    },
  };
}

const FAILED = {
  error: { type: "api_error", code: "internal", message: "The sandbox failed." },
} as const;

interface Surroundings {
  readonly address: () => string;
  readonly closing: AbortSignal;
}

function deskOf(
  db: DatabaseSync,
  options: SandboxOptions & { readonly providers: readonly Provider[] },
  { address, closing }: Surroundings,
): Desk {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const { seed } = options;
  const settings = openSettings(db, clock);
  for (const name of SETTING_NAMES) {
    const value = options.settings?.[name];
    if (value !== undefined) settings.write(name, value, undefined);
  }
  const anyLetters = (length: number): string => lettersOf(random.bytes(length));
  const seedOf = (): number => seed ?? anySeed(random);
  const common = { db, clock, closing, settings };
  return {
    ...common,
    faults: openFaultRules(db, { table: "fault_rules", read: readFault, anySeed: seedOf }),
    webhooks: openOffice({
      ...common,
      address,
      letters: anyLetters,
      anySeed: seedOf,
      anywhere: options.webhooksAnywhere === true,
      providers: new Map(
        options.providers.flatMap(({ name, webhooks }) =>
          webhooks === undefined ? [] : [[name, webhooks] as const],
        ),
      ),
    }),
    anyLetters,
    // The file counts the ids, so that neither a restart nor another process makes one again.
    letters:
      seed === undefined ? anyLetters : (length) => drawnLetters(seed, settings.serial(), length),
    executing: new Set(),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
}

async function answer(
  desk: Desk,
  providers: readonly Provider[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const names = providers.map(({ name }) => name);
  if (await control(desk, names, request, response)) return;
  const { pathname } = new URL(request.url ?? "/", "http://sandbox");
  const arrival = arrivalOf(providers, request, pathname);
  if (arrival !== undefined) return await provide(desk, arrival, request, response);
  const prefixes = names.map((name) => `/${name}`).join(", ");
  const message =
    `No provider has ${request.method} ${pathname}. ` +
    `Send its credentials, or begin the path with one of: ${prefixes}.`;
  deliverJson(response, 404, {
    error: { type: "invalid_request_error", code: "not_found", message },
  });
}
