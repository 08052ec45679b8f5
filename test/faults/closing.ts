import type { TestContext } from "node:test";

/** After the test what was opened last is closed first, whatever failed. */
export function closing(t: TestContext): (close: () => Promise<unknown>) => void {
  const open: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    const ends: PromiseSettledResult<unknown>[] = [];
    for (const close of open.toReversed()) ends.push(...(await Promise.allSettled([close()])));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  });
  return (close) => void open.push(close);
}
