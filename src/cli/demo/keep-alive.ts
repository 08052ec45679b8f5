import { type ChildProcess, fork } from "node:child_process";
import type { Clock } from "../../model/clock.ts";
import type { ChildMessage, StartMessage } from "./child-process.ts";

export interface KeepAliveOptions {
  readonly entry: URL;
  /** The options of each start; they may change once the first URL is known. */
  readonly start: () => unknown;
  readonly clock: Clock;
  /** Ends the child for good. */
  readonly signal: AbortSignal;
  readonly onReady: (child: { readonly url: string; readonly pid: number }) => void;
  readonly onDeath: (death: { readonly how: string; readonly delayMs: number }) => void;
}

/** Why a child could not be started. */
export interface StartFailure {
  readonly reason: string;
  readonly code: string | undefined;
}

/** A child that lived shorter is likely to die again, so the next start waits. */
const SHORT_LIFE_MS = 1_000;
const DELAY_MS = 100;
const DELAY_MAX_MS = 5_000;
/** The port of a predecessor may take a moment to come free; what fails longer needs a person. */
const START_FAILURES_MAX = 4;
/** Time to finish open requests after SIGTERM. */
const GRACE_MS = 3_000;

/**
 * Starts a child and starts it again whenever it dies, until the signal aborts or it cannot be
 * started.
 */
export async function keepAlive(options: KeepAliveOptions): Promise<StartFailure | undefined> {
  const { clock, signal } = options;
  let failures = 0;
  let delayMs = 0;
  while (!signal.aborted) {
    const born = clock.monotonic();
    const child = launch(options);
    const end = (): void => void endChild(child.process, child.ended, clock);
    signal.addEventListener("abort", end, { once: true });
    const first = await Promise.race([child.ready, child.ended]);
    if (first.kind === "ready") {
      failures = 0;
      options.onReady({ url: first.url, pid: child.process.pid ?? 0 });
    } else failures += 1;
    const { how } = await child.ended;
    signal.removeEventListener("abort", end);
    if (signal.aborted) break;
    if (failures >= START_FAILURES_MAX)
      return first.kind === "failed" ? first : { reason: how, code: undefined };
    const short = clock.monotonic() - born < SHORT_LIFE_MS;
    delayMs = short ? Math.min(Math.max(2 * delayMs, DELAY_MS), DELAY_MAX_MS) : 0;
    if (first.kind === "ready") options.onDeath({ how, delayMs });
    await clock.sleep(delayMs, signal);
  }
  return undefined;
}

interface Launched {
  readonly process: ChildProcess;
  readonly ready: Promise<ChildMessage>;
  readonly ended: Promise<{ readonly kind: "ended"; readonly how: string }>;
}

function launch({ entry, start }: KeepAliveOptions): Launched {
  const child = fork(entry, [], {
    // A second debugger cannot listen on the first one's port.
    execArgv: process.execArgv.filter((argument) => !argument.startsWith("--inspect")),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ready = new Promise<ChildMessage>((resolve) => {
    child.once("message", (message) => resolve(message as ChildMessage));
  });
  const ended = new Promise<{ kind: "ended"; how: string }>((resolve) => {
    child.once("error", (error) => resolve({ kind: "ended", how: error.message }));
    child.once("exit", (code, killer) => {
      resolve({ kind: "ended", how: killer === null ? `exit code ${code}` : killer });
    });
  });
  const message: StartMessage = { kind: "start", options: start() };
  // A child that is dead already is seen by its exit.
  child.send(message, () => {});
  return { process: child, ready, ended };
}

async function endChild(child: ChildProcess, ended: Promise<unknown>, clock: Clock): Promise<void> {
  const done = new AbortController();
  child.kill("SIGTERM");
  void ended.then(() => done.abort());
  await clock.sleep(GRACE_MS, done.signal);
  if (!done.signal.aborted) child.kill("SIGKILL");
}
