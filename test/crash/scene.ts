import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordId } from "../../src/model/key.ts";
import type { OperationRecord } from "../../src/model/operation.ts";
import type { Charge } from "../../src/sandbox/wire.ts";
import { type Books, type OrderRow, openBooks } from "./books.ts";
import { endProcess, PROVIDER, startProcess } from "./processes.ts";

/** A database and a provider in a process of its own, and what they know of a key. */
export interface Scene {
  readonly db: string;
  readonly sandboxUrl: string;
  readonly books: Books;
  charges(...keys: readonly string[]): Promise<readonly Charge[]>;
  orders(key: string): Promise<readonly OrderRow[]>;
  /** The topics of the messages that the key's operation staged. */
  messages(key: string, scope?: string): Promise<readonly string[]>;
  record(key: string, scope?: string): Promise<OperationRecord | undefined>;
  /** What goes wrong with the provider's next calls; nothing of what was queued before. */
  faults(...names: string[]): Promise<void>;
  close(): Promise<void>;
}

const SCOPE = "acct_1";

/** @param url a Postgres database of the scene's own; a SQLite file by default */
export async function openScene(url?: string): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-scene-"));
  const db = url ?? join(directory, "shop.db");
  const books = openBooks(db);
  await books.create();
  const { child, said } = await startProcess(PROVIDER, [join(directory, "provider.db")]);
  const sandboxUrl = String(said);
  const faultsUrl = new URL("/faults", sandboxUrl);
  return {
    db,
    sandboxUrl,
    books,
    async charges(...keys) {
      const response = await fetch(new URL("/v1/charges", sandboxUrl));
      const { data } = (await response.json()) as { data: Charge[] };
      return data.filter(({ metadata }) =>
        keys.includes(metadata["cartId"] ?? metadata["key"] ?? ""),
      );
    },
    orders: (key) => books.orders(key),
    async messages(key, scope = SCOPE) {
      const answer = await books.store.messages(recordId("http", scope, key));
      if (answer.kind !== "ok") throw answer.error;
      return answer.value.map(({ topic }) => topic);
    },
    async record(key, scope = SCOPE) {
      const answer = await books.store.read(recordId("http", scope, key));
      if (answer.kind !== "ok") throw answer.error;
      return answer.value?.record;
    },
    async faults(...names) {
      await fetch(faultsUrl, { method: "DELETE" });
      if (names.length === 0) return;
      await fetch(faultsUrl, { method: "POST", body: JSON.stringify({ next: names }) });
    },
    async close() {
      await endProcess(child);
      await books.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
