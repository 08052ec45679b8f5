import { test } from "node:test";
import { type StoreBench, skipReason, storeCases } from "../../src/verify/store.ts";

/** Runs every conformance case, each over a bench of its own; a skipped case prints its reason. */
export function runStoreCases<Tx>(
  name: string,
  openBench: () => StoreBench<Tx> | Promise<StoreBench<Tx>>,
): void {
  for (const storeCase of storeCases) {
    test(`${name} ${storeCase.guarantee}: ${storeCase.name}`, async (t) => {
      const bench = await openBench();
      try {
        const reason = skipReason(storeCase, bench);
        if (reason === undefined) await storeCase.run(bench);
        else t.skip(reason);
      } finally {
        await bench.close();
      }
    });
  }
}
