import { type Backoff, backoffMs } from "../../model/backoff.ts";
import type { Clock } from "../../model/clock.ts";
import type { Random } from "../../model/random.ts";
import type { Answer } from "../../store.ts";
import type { Connection } from "./client.ts";
import { isBusy, refused } from "./errors.ts";
import { type BatchOptions, runBatch, type Verdict, type Work } from "./transaction.ts";

/** One fsync pays for so many works at most. */
const WORKS_MAX = 256;
/** After so long in one turn the event loop gets its turn. */
const TURN_MS = 10;
/** Another process holds the file for about as long as an fsync takes. */
const PATIENCE: Backoff = { baseMs: 1, capMs: 16 };

interface WriterOptions extends Omit<BatchOptions, "more"> {
  /** Makes sure that commits of this connection are durable. @throws if they cannot be */
  secure(): void;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a work waits for other processes, in milliseconds. */
  readonly waitMs: number;
}

/** All writes of one connection, one batch after the other, and its reads between them. */
export interface Writer {
  write<T>(run: () => Verdict<T>, callback?: boolean): Promise<Answer<T>>;
  read<T>(run: () => T): Promise<Answer<T>>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

interface Waiting extends Work {
  readonly deadline: number;
  answer(result: Answer<unknown>): void;
}

/**
 * Works that arrive in one turn of the event loop, or while another process is in the way, leave
 * together in one transaction. The loop is never blocked: waiting for a process is a timer.
 */
export function writerOf(options: WriterOptions): Writer {
  const { connection, clock, random, waitMs } = options;
  let waiting: Waiting[] = [];
  /** How many of the first works run one by one, because a commit of them together failed. */
  let apart = 0;
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    await clock.sleep(0);
    for (let refusals = 0; waiting.length > 0; ) {
      const failure = begin("BEGIN IMMEDIATE", options);
      if (failure === undefined) {
        refusals = 0;
        batch();
        await clock.sleep(0);
      } else if (isBusy(failure.error)) {
        refusals += 1;
        refuse(failure.error, clock.monotonic());
        await clock.sleep(backoffMs(refusals, random.fraction(), PATIENCE));
      } else {
        refuse(failure.error, Number.POSITIVE_INFINITY);
      }
    }
    draining = undefined;
  }

  function batch(): void {
    const until = clock.monotonic() + TURN_MS;
    const works = waiting.slice(0, apart > 0 ? 1 : WORKS_MAX);
    const ran = runBatch(works, { ...options, more: () => clock.monotonic() < until });
    apart = ran.apart ? works.length : Math.max(0, apart - ran.results.length);
    waiting = waiting.slice(ran.results.length);
    for (const [index, result] of ran.results.entries()) works[index]?.answer(result);
  }

  /** Answers those whose deadline is not after `now`. */
  function refuse(error: unknown, now: number): void {
    const late = waiting.filter(({ deadline }) => deadline <= now);
    waiting = waiting.filter(({ deadline }) => deadline > now);
    apart = Math.min(apart, waiting.length);
    for (const { answer } of late) answer(refused(error));
  }

  return {
    write: <T>(run: () => Verdict<T>, callback = false) =>
      new Promise<Answer<T>>((resolve) => {
        const answer = resolve as (result: Answer<unknown>) => void;
        waiting.push({ run, callback, deadline: clock.monotonic() + waitMs, answer });
        draining ??= drain();
      }),
    async read(run) {
      const deadline = clock.monotonic() + waitMs;
      for (let refusals = 1; ; refusals += 1) {
        const failure = begin("BEGIN", options);
        const answer = failure === undefined ? readOnce(connection, run) : refused(failure.error);
        const again = answer.kind === "not-applied" && answer.again;
        if (!again || clock.monotonic() >= deadline) return answer;
        await clock.sleep(backoffMs(refusals, random.fraction(), PATIENCE));
      }
    },
    idle: async () => draining,
  };
}

/** Opens a transaction, or says why not. */
function begin(
  sql: string,
  { connection, secure }: WriterOptions,
): { readonly error: unknown } | undefined {
  try {
    connection.clean();
    secure();
    connection.exec(sql);
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** Several selects see one state of the database, because one transaction holds them. */
function readOnce<T>(connection: Connection, run: () => T): Answer<T> {
  try {
    const value = run();
    connection.exec("COMMIT");
    return { kind: "ok", value };
  } catch (error) {
    connection.rollback();
    return refused(error);
  }
}
