import { setTimeout as sleep } from "node:timers/promises";
import { isFinal } from "../../src/model/operation.ts";
import type { Answer, Order } from "./application-process.ts";
import type { Kill } from "./kill-points.ts";
import {
  type ApplicationProcess,
  type Ending,
  type Pace,
  type Spares,
  spareApplications,
  startApplication,
} from "./processes.ts";
import type { Scene } from "./scene.ts";

/** What one operation came to after what went wrong with it. */
export interface Trial {
  readonly key: string;
  readonly charges: number;
  /** Orders that are paid with a charge of the ledger. */
  readonly orders: number;
  readonly state: string;
  /** Different bodies that its client was given as final. */
  readonly answers: number;
  /** From the fault to the final state, in milliseconds. */
  readonly recoveredMs: number;
}

/** Who finishes what was left: the client that asks again, or a worker without any client. */
export type Finisher = "client" | "worker";

/** A database, a provider and processes of its own, where one thing after another goes wrong. */
export interface Lane {
  readonly scene: Scene;
  /** A process that waits to be killed or frozen. */
  take(): Promise<ApplicationProcess>;
  carryOut(process: ApplicationProcess, key: string, kill?: Kill): Promise<Ending>;
  /** Lets the surviving process finish the operation, and counts. */
  finish(key: string, by: Finisher, since: number, skewMs?: number): Promise<Trial>;
  /** Gives the key to the surviving process as it comes; the first answer may not be final. */
  ask(key: string, skewMs?: number): Promise<Answer>;
  close(): Promise<void>;
}

/** Real leases, and a provider that is given up on before a person would. */
const PACE: Pace = { leaseMs: 1_000, timeoutMs: 1_500 };
const PURCHASE = { amount: 1_999 };
const PAUSE_MS = 50;
/** Beyond this an operation counts as one that nobody finishes. */
const PATIENCE_MS = 30_000;

export async function openLane(scene: Scene): Promise<Lane> {
  const spares: Spares = spareApplications(scene.db, scene.sandboxUrl, PACE);
  const survivor = await startApplication(scene.db, scene.sandboxUrl, PACE);
  const give = async (order: Omit<Order, "purchase">): Promise<Answer> => {
    const ending = await survivor.carryOut({ ...order, purchase: PURCHASE });
    if (ending.kind === "killed") throw new Error("The surviving process was killed.");
    return ending.answer;
  };
  const ask = (key: string, skewMs = 0): Promise<Answer> =>
    give({ path: "/checkout", key, skewMs });
  const stateOf = async (key: string): Promise<string> => {
    const record = await scene.record(key);
    if (record === undefined) return "unknown";
    const parked = record.state === "in_doubt" && record.dueAt === undefined;
    return parked ? "in_doubt, for a person" : record.state;
  };
  return {
    scene,
    take: () => spares.take(),
    carryOut: (process, key, kill) =>
      process.carryOut({
        ...{ path: "/checkout", key, purchase: PURCHASE, skewMs: 0 },
        ...(kill === undefined ? {} : { kill }),
      }),
    ask,
    async finish(key, by, since, skewMs = 0) {
      const step = by === "client" ? () => ask(key, skewMs) : () => workOnce(give, skewMs);
      await untilEnded(step, () => stateOf(key), since);
      const state = await stateOf(key);
      const recoveredMs = performance.now() - since;
      const bodies = new Set<string>();
      if (isFinal(state as never))
        for (let index = 0; index < 2; index += 1) bodies.add((await ask(key, skewMs)).body);
      const charges = await scene.charges(key);
      const ids = new Set(charges.map(({ id }) => id));
      const paid = (await scene.orders(key)).filter(({ charge }) => ids.has(charge ?? ""));
      const counts = { charges: charges.length, orders: paid.length, answers: bodies.size };
      return { key, state, recoveredMs, ...counts };
    },
    async close() {
      await spares.close();
      await survivor.close();
      await scene.close();
    },
  };
}

async function workOnce(
  give: (order: Omit<Order, "purchase">) => Promise<Answer>,
  skewMs: number,
): Promise<void> {
  await give({ path: "worker", key: "", skewMs });
}

/** Until the state is final, or only a person can help, or nobody is patient any longer. */
async function untilEnded(
  step: () => Promise<unknown>,
  stateOf: () => Promise<string>,
  since: number,
): Promise<void> {
  while (performance.now() - since < PATIENCE_MS) {
    await step();
    const state = await stateOf();
    if (isFinal(state as never) || state.endsWith("person")) return;
    await sleep(PAUSE_MS);
  }
}
