import { BACKOFF_DEFAULT, type Backoff } from "../model/backoff.ts";
import { NevertwiceError } from "../model/errors.ts";

/** The numbers that a user may change; each has a default that is right for most. */
export interface Settings {
  /** How long a claim is held without a sign of life. */
  readonly leaseMs: number;
  /** How long one attempt may run at most, however alive it is. */
  readonly runForMs: number;
  /** How long a duplicate waits for the result before it is told `in-progress`. */
  readonly waitMs: number;
  /** How many duplicates of one process may wait at a time. */
  readonly waitersMax: number;
  /** How many attempts an operation gets before it is put in doubt for a person. */
  readonly attemptsMax: number;
  /** How long one call of the store may take before its answer counts as not known. */
  readonly storeTimeoutMs: number;
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  readonly backoff: Backoff;
  readonly retention: Retention;
  /** Accept only UUIDv7 keys whose time is not older than this; allows tombstones to be pruned. */
  readonly keyHorizonMs: number | undefined;
}

export interface Retention {
  /** How long a response is kept after its operation became final. */
  readonly responseMs: number;
  /** How long the body of an event is kept after it ended; 30 days by default. */
  readonly eventMs?: number;
  /**
   * How long an event's key is kept, so that a late delivery is known; 400 days by default, which
   * is longer than any provider sends again, and at least 35 days.
   */
  readonly eventKeyMs?: number;
  /** How long the payload of a message is kept after it was sent; 7 days by default. */
  readonly messageMs?: number;
}

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

export const RETENTION_DEFAULT: Required<Retention> = {
  responseMs: 7 * DAY_MS,
  eventMs: 30 * DAY_MS,
  eventKeyMs: 400 * DAY_MS,
  messageMs: 7 * DAY_MS,
};

/** Providers send an event again for up to 30 days. */
export const EVENT_KEY_MS_LEAST: number = 35 * DAY_MS;

/** @internal */
export const SETTINGS_DEFAULT: Settings = {
  leaseMs: 30_000,
  runForMs: 600_000,
  waitMs: 2_000,
  waitersMax: 1_000,
  attemptsMax: 10,
  storeTimeoutMs: 5_000,
  requestBytesMax: MIB,
  responseBytesMax: MIB,
  backoff: BACKOFF_DEFAULT,
  retention: { responseMs: RETENTION_DEFAULT.responseMs },
  keyHorizonMs: undefined,
};

/**
 * Clocks of clients may run ahead by this much; the same margin keeps a tombstone past the horizon.
 */
export const HORIZON_MARGIN_MS = 300_000;

export type SettingsOptions = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** The given settings over the defaults. @throws option-invalid, naming the option */
export function createSettings(options: SettingsOptions): Settings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings: Settings = { ...SETTINGS_DEFAULT, ...Object.fromEntries(given) };
  for (const name of Object.keys(options)) {
    if (!(name in SETTINGS_DEFAULT))
      throw new NevertwiceError("option-invalid", `There is no option \`${name}\`.`);
  }
  for (const name of [
    "leaseMs",
    "runForMs",
    "waitersMax",
    "attemptsMax",
    "storeTimeoutMs",
    "requestBytesMax",
    "responseBytesMax",
  ] as const) {
    checkWhole(name, settings[name], 1);
  }
  checkWhole("waitMs", settings.waitMs, 0);
  checkWhole("retention.responseMs", settings.retention.responseMs, 0);
  const { eventMs, eventKeyMs, messageMs } = settings.retention;
  for (const [name, ms] of Object.entries({ eventMs, messageMs }))
    if (ms !== undefined) checkWhole(`retention.${name}`, ms, 0);
  if (eventKeyMs !== undefined) checkWhole("retention.eventKeyMs", eventKeyMs, EVENT_KEY_MS_LEAST);
  if (settings.keyHorizonMs !== undefined) checkWhole("keyHorizonMs", settings.keyHorizonMs, 1);
  if (settings.leaseMs < 100)
    throw new NevertwiceError(
      "option-invalid",
      "`leaseMs` below 100 ms cannot be renewed in time.",
    );
  return settings;
}

function checkWhole(name: string, value: unknown, least: number): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return;
  throw new NevertwiceError(
    "option-invalid",
    `\`${name}\` is a whole number of at least ${least}, not ${String(value)}.`,
  );
}
