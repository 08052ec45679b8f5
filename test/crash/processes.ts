import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Order } from "./application-process.ts";

/** An answer, or where the process was killed. */
export type Ending =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "killed"; readonly point: string };

/** One process of the application. */
export interface ApplicationProcess {
  carryOut(order: Order): Promise<Ending>;
  /** SIGKILL from outside, wherever the process is. */
  kill(): void;
  /** SIGSTOP: the process stands still, with its sockets open, until it goes on. */
  freeze(): void;
  goOn(): void;
  close(): Promise<void>;
}

/** As the scripts of the project have it, for whoever runs a test without them. */
export const NODE_COMPILE_CACHE: string = fileURLToPath(
  new URL("../../node_modules/.cache/nevertwice", import.meta.url),
);
/** The provider as a process. */
export const PROVIDER: URL = new URL("../sandbox/fixtures/provider.ts", import.meta.url);
export const TRAFFIC: URL = new URL("./traffic-process.ts", import.meta.url);
const ENTRY = new URL("./application-process.ts", import.meta.url);

/** Starts a program of the tests, and waits for the first thing that it says. */
export async function startProcess(
  entry: URL,
  options: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly said: unknown }> {
  const env = { NODE_COMPILE_CACHE, ...process.env };
  const child = fork(entry, options, { env, stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const said: unknown = await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code, signal) =>
      reject(new Error(`${entry.pathname} ended with ${code ?? signal}.`)),
    );
  });
  return { child, said };
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (child.connected) child.disconnect();
  await ended;
}

/** How long the application's claims last and its provider is waited for, in milliseconds. */
export interface Pace {
  readonly leaseMs: number;
  readonly timeoutMs: number;
}

/** @param pace so slow by default that a test sees no heartbeat and no time-out */
export async function startApplication(
  db: string,
  sandboxUrl: string,
  pace?: Pace,
): Promise<ApplicationProcess> {
  const paced = pace === undefined ? [] : [String(pace.leaseMs), String(pace.timeoutMs)];
  const { child } = await startProcess(ENTRY, [db, sandboxUrl, ...paced]);
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return {
    carryOut: (order) =>
      new Promise((resolve, reject) => {
        const answered = (answer: Answer): void => {
          child.off("close", closed);
          resolve({ kind: "answered", answer });
        };
        const closed = (code: number | null, signal: string | null): void => {
          child.off("message", answered);
          if (signal === "SIGKILL") resolve({ kind: "killed", point: said });
          else reject(new Error(`The application ended with ${code ?? signal}.`));
        };
        child.once("message", answered);
        child.once("close", closed);
        child.send(order);
      }),
    kill: () => void child.kill("SIGKILL"),
    freeze: () => void child.kill("SIGSTOP"),
    goOn: () => void child.kill("SIGCONT"),
    close: () => endProcess(child),
  };
}

/** Processes that were started ahead, because a start takes longer than an order. */
export interface Spares {
  take(): Promise<ApplicationProcess>;
  close(): Promise<void>;
}

const AHEAD = 2;

export function spareApplications(db: string, sandboxUrl: string, pace?: Pace): Spares {
  const start = (): Promise<ApplicationProcess> => startApplication(db, sandboxUrl, pace);
  const waiting = Array.from({ length: AHEAD }, start);
  for (const each of waiting) each.catch(() => undefined);
  return {
    take() {
      const next = start();
      next.catch(() => undefined);
      waiting.push(next);
      return waiting.shift() ?? next;
    },
    async close() {
      await Promise.all(waiting.map(async (each) => (await each).close()));
    },
  };
}
