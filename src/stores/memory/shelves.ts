/** Where all that a store has committed is kept, so that it can go back to how it stood. */
export interface Shelves {
  map<Key, Value>(): Map<Key, Value>;
  /** @returns what puts everything back to how it stands now, as often as it is called */
  checkpoint(): () => void;
  /** How often it went back: what was begun before must not be committed after. */
  era(): number;
}

export function createShelves(): Shelves {
  const maps: Map<unknown, unknown>[] = [];
  let era = 0;
  return {
    map<Key, Value>() {
      const map = new Map<Key, Value>();
      maps.push(map);
      return map;
    },
    checkpoint() {
      const kept = maps.map(copied);
      return () => {
        era += 1;
        for (const [index, map] of maps.entries()) {
          map.clear();
          for (const [key, value] of copied(kept[index])) map.set(key, value);
        }
      };
    },
    era: () => era,
  };
}

/** Rows are replaced and never changed, but a map may hold maps of them. */
function copied(map: ReadonlyMap<unknown, unknown> = new Map()): Map<unknown, unknown> {
  return new Map(
    [...map].map(([key, value]) => [key, value instanceof Map ? copied(value) : value] as const),
  );
}
