/** What happened, line by line, for whoever wants to read it. */
export interface Trace {
  count(): number;
  lines(): string[];
}

export interface Notes extends Trace {
  /** Notes a line, which is made when somebody reads it: of most histories nobody does. */
  add(at: number, line: () => string): void;
}

/**
 * Its count is no getter: one in an object literal gives the object a hidden class of its own,
 * which keeps the object, and with it all of its history, until a full collection.
 */
export function createNotes(): Notes {
  const notes: { readonly at: number; readonly line: () => string }[] = [];
  return {
    count: () => notes.length,
    add: (at, line) => void notes.push({ at, line }),
    lines: () => notes.map(({ at, line }) => `${at} ${line()}`),
  };
}
