import { once } from "node:events";
import type { SettingsOptions } from "../../src/core/settings.ts";
import type { Purchase } from "../crash/application.ts";
import { endProcess, startProcess } from "../crash/processes.ts";

export type ServerSettings = Pick<
  SettingsOptions,
  "leaseMs" | "waitMs" | "storeTimeoutMs" | "retention" | "backoff"
>;

/** What a client got. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly replayed: boolean;
  /** The problem's code, if it is one. */
  readonly code: string | undefined;
  readonly retryAfter: string | null;
}

export interface Sent {
  readonly path?: string;
  readonly account?: string;
  readonly signal?: AbortSignal;
}

/** One process with an HTTP server of the shop. */
export interface Server {
  /** @param body a purchase, or the very text to send */
  post(key: string, body: Purchase | string, sent?: Sent): Promise<Reply>;
  control(order: { readonly skewMs?: number; readonly prune?: boolean }): Promise<unknown>;
  /** SIGKILL: no handler, no `finally`. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

const ENTRY = new URL("./server-process.ts", import.meta.url);

export async function startServer(
  db: string,
  sandboxUrl: string,
  settings: ServerSettings,
): Promise<Server> {
  const { child, said } = await startProcess(ENTRY, [db, sandboxUrl, JSON.stringify(settings)]);
  const url = String(said);
  return {
    async post(key, body, { path = "/checkout", account = "acct_1", signal } = {}) {
      const response = await fetch(new URL(path, url), {
        method: "POST",
        headers: {
          "idempotency-key": key,
          "content-type": "application/json",
          "x-account": account,
        },
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...(signal ? { signal } : {}),
      });
      const text = await response.text();
      const problem = response.headers.get("content-type") === "application/problem+json";
      return {
        status: response.status,
        body: text,
        replayed: response.headers.get("idempotent-replayed") === "true",
        code: problem ? JSON.parse(text).code : undefined,
        retryAfter: response.headers.get("retry-after"),
      };
    },
    async control(order) {
      const body = JSON.stringify(order);
      const response = await fetch(new URL("/control", url), { method: "POST", body });
      return response.json();
    },
    async kill() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    close: () => endProcess(child),
  };
}
