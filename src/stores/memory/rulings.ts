import type { Ruling, RulingRecord } from "../../store/ruling.ts";

/** What persons ordered; nothing takes it away. */
export interface MemoryRulings {
  keep(action: string, ruling: Ruling<unknown>, count: number): void;
  newest(limit: number): RulingRecord[];
}

export function memoryRulings(now: () => number): MemoryRulings {
  const kept: RulingRecord[] = [];
  return {
    keep(action, { filter, by, reason, dryRun }, count) {
      const text = JSON.stringify(filter);
      kept.unshift({ at: now(), action, by, reason, filter: text, dryRun, count });
    },
    newest: (limit) => kept.slice(0, limit).map((record) => ({ ...record })),
  };
}
