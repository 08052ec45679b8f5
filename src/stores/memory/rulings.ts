import type { Ruling, RulingRecord } from "../../store/ruling.ts";
import type { Shelves } from "./shelves.ts";

/** What persons ordered; nothing takes it away. */
export interface MemoryRulings {
  keep(action: string, ruling: Ruling<unknown>, count: number): void;
  newest(limit: number): RulingRecord[];
}

export function memoryRulings(shelves: Shelves, now: () => number): MemoryRulings {
  const kept = shelves.map<number, RulingRecord>();
  return {
    keep(action, { filter, by, reason, dryRun }, count) {
      const text = JSON.stringify(filter);
      kept.set(kept.size, { at: now(), action, by, reason, filter: text, dryRun, count });
    },
    newest: (limit) =>
      [...kept.values()]
        .reverse()
        .slice(0, limit)
        .map((record) => ({ ...record })),
  };
}
