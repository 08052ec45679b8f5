import { checkKey, type Origin, recordId } from "../model/key.ts";
import type { OperationStore, Snapshot } from "../store.ts";
import { EXIT, Exit, expectOk } from "./exit.ts";

export interface KeyFlags {
  readonly scope: string;
  readonly origin?: string;
  readonly operation?: string;
}

const ORIGINS: readonly Origin[] = ["http", "own"];

/** Every operation of a key in a scope: a client's and one of our own. @throws Exit */
export async function findOperations(
  store: OperationStore,
  key: string,
  flags: KeyFlags,
): Promise<readonly Snapshot[]> {
  checkKey(key);
  if (typeof flags.scope !== "string" || flags.scope === "")
    throw new Exit(EXIT.usage, "Name the account that owns the key with --scope.");
  if (flags.origin !== undefined && !ORIGINS.some((origin) => origin === flags.origin)) {
    throw new Exit(EXIT.usage, '--origin is "http" or "own".');
  }
  const found: Snapshot[] = [];
  for (const origin of ORIGINS.filter(
    (known) => flags.origin === undefined || known === flags.origin,
  )) {
    const snapshot = expectOk(
      await store.read(recordId(origin, flags.scope, key, flags.operation)),
    );
    if (snapshot) found.push(snapshot);
  }
  if (found.length > 0) return found;
  throw new Exit(
    EXIT.unknown,
    "No operation of that key is known in that scope. Check --scope; it is the account that owned the key.",
  );
}

/** The one that is meant. @throws Exit if there are two */
export async function findOperation(
  store: OperationStore,
  key: string,
  flags: KeyFlags,
): Promise<Snapshot> {
  const [first, second] = await findOperations(store, key, flags);
  if (first !== undefined && second === undefined) return first;
  throw new Exit(EXIT.usage, 'Two operations have that key: say --origin "http" or "own".');
}
