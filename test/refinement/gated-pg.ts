import type pg from "pg";
import type { Gate, Lane } from "./gate.ts";
import { through } from "./through.ts";

interface CallbackQuery {
  callback: (error: unknown, answer: unknown) => void;
}

/** The pool as one lane sees it: every statement of its clients passes the gate. */
export function gatedPool(pool: pg.Pool, gate: Gate, lane: Lane): pg.Pool {
  // The store listens to each client once, so that a client must stay one and the same object.
  const known = new WeakMap<pg.PoolClient, pg.PoolClient>();
  const connect = async (): Promise<pg.PoolClient> => {
    const client = await pool.connect();
    const gated = known.get(client) ?? gatedClient(client, gate, lane);
    known.set(client, gated);
    return gated;
  };
  return through(pool, { connect }) as pg.Pool;
}

function gatedClient(client: pg.PoolClient, gate: Gate, lane: Lane): pg.PoolClient {
  const { processID } = client as unknown as { readonly processID: number };
  const query = (first: unknown, ...others: readonly unknown[]): unknown => {
    const ask = client.query.bind(client) as (...all: readonly unknown[]) => Promise<unknown>;
    if (!hasCallback(first)) return gate.pass(lane, processID, () => ask(first, ...others));
    const { callback } = first;
    const run = (): Promise<void> =>
      new Promise((resolve) => {
        const told: CallbackQuery["callback"] = (error, answer) => {
          callback(error, answer);
          resolve();
        };
        // The object itself, for it may have methods that pg calls.
        first.callback = told;
        void ask(first);
      });
    return void gate.pass(lane, processID, run);
  };
  return through(client, { query }) as pg.PoolClient;
}

function hasCallback(query: unknown): query is CallbackQuery {
  return typeof query === "object" && query !== null && "callback" in query;
}
