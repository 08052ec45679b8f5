import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../model/clock.ts";

/** What a person may set while the sandbox runs. All are milliseconds. */
export const SETTING_NAMES = ["indexLagMs", "listLagMs", "retentionMs"] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

/** The settings in the sandbox's file, and the sandbox's own time. */
export interface Settings {
  /** Milliseconds since the epoch, by the sandbox's clock. */
  now(): number;
  /** Moves the sandbox's clock on. @returns the time then */
  advance(ms: number): number;
  /** The provider's own value, else everyone's, else undefined. */
  read(name: SettingName, provider: string): number | undefined;
  write(name: SettingName, value: number, provider: string | undefined): void;
  /** All that was set; the provider is undefined for what holds for all. */
  all(): { readonly name: string; readonly provider: string | null; readonly value: number }[];
  /** A number that no earlier call on this file returned. */
  serial(): number;
}

const EVERYONE = "";

export function openSettings(db: DatabaseSync, clock: Clock): Settings {
  const select = db.prepare(
    `SELECT value FROM settings WHERE name = ? AND provider IN (?, '')
     ORDER BY provider DESC LIMIT 1`,
  );
  const upsert = db.prepare(
    `INSERT INTO settings (provider, name, value) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value`,
  );
  const add = db.prepare(
    `INSERT INTO settings (provider, name, value) VALUES ('', ?, ?)
     ON CONFLICT DO UPDATE SET value = value + excluded.value RETURNING value`,
  );
  const list = db.prepare("SELECT * FROM settings ORDER BY provider, name");
  const read = (name: string, provider: string): number | undefined =>
    (select.get(name, provider) as { value: number } | undefined)?.value;
  const added = (name: string, value: number): number =>
    (add.get(name, value) as { value: number }).value;
  return {
    now: () => clock.wall() + (read("offset", EVERYONE) ?? 0),
    advance: (ms) => clock.wall() + added("offset", ms),
    read,
    write: (name, value, provider) => void upsert.run(provider ?? EVERYONE, name, value),
    serial: () => added("serial", 1),
    all: () =>
      (list.all() as { provider: string; name: string; value: number }[])
        .filter(({ name }) => SETTING_NAMES.some((known) => known === name))
        .map(({ provider, name, value }) => ({
          name,
          provider: provider === EVERYONE ? null : provider,
          value,
        })),
  };
}
