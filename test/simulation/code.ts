import { declined, inDoubt, notExecuted } from "../../src/core/judgement.ts";
import { nevertwice } from "../../src/core/once.ts";
import { fail, ok } from "../../src/model/outcome.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";

/** The code under simulation: the project's own, or a patched copy of it. */
export interface Code {
  readonly nevertwice: typeof nevertwice;
  readonly memoryStore: typeof memoryStore;
  readonly ok: typeof ok;
  readonly fail: typeof fail;
  readonly declined: typeof declined;
  readonly notExecuted: typeof notExecuted;
  readonly inDoubt: typeof inDoubt;
  /** A later release of the library, which runs beside this one until a deployment ends. */
  readonly next?: Code;
}

export const ownCode: Code = { nevertwice, memoryStore, ok, fail, declined, notExecuted, inDoubt };
