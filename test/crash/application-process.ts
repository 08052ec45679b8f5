import { sandboxClient } from "../../src/sandbox/client.ts";
import { createApplication, type Purchase } from "./application.ts";
import { openBooks } from "./books.ts";
import { type Kill, type Killer, killPoints } from "./kill-points.ts";
import { startKiller } from "./killer.ts";

/** What the test asks of this process. */
export interface Order {
  /** A route of the application, or a pass of its worker. */
  readonly path: string | "worker";
  readonly key: string;
  readonly purchase: Purchase;
  readonly kill?: Kill;
  /** How far this process's database clock is ahead. */
  readonly skewMs: number;
}

/** What it hears back, if the process lives to tell it. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly replayed: boolean;
  /** The calls of ports that it took. */
  readonly calls: readonly string[];
}

/** Long enough by default that no heartbeat comes between the calls that are counted. */
const LEASE_MS = "60000";
const TIMEOUT_MS = "10000";
/** A killed process's transaction may take its database a moment to end. */
const WAIT_MS = 4_000;

const [, , db = "", sandboxUrl = "", leaseMs = LEASE_MS, timeoutMs = TIMEOUT_MS] = process.argv;
let killer: Killer | undefined;
const points = killPoints(() => killer);
const books = openBooks(db);
const { once, handle } = createApplication(
  { ...books, store: points.store(books.store) },
  points.provider(sandboxClient(sandboxUrl, { timeoutMs: Number(timeoutMs) })),
  { leaseMs: Number(leaseMs), waitMs: WAIT_MS, backoff: { baseMs: 1, capMs: 5 } },
);

async function carryOut({ path, key, purchase, kill, skewMs }: Order): Promise<Answer> {
  books.skew.ms = skewMs;
  if (kill?.when === "during") killer ??= await startKiller();
  points.arm(kill);
  if (path === "worker") {
    const { recovery } = await once.worker.runOnce();
    const status = recovery.reachable ? 200 : 503;
    return { status, body: JSON.stringify(recovery), replayed: false, calls: points.calls() };
  }
  const response = await handle(
    new Request(new URL(path, "http://shop"), {
      method: "POST",
      headers: { "idempotency-key": key, "content-type": "application/json" },
      body: JSON.stringify(purchase),
    }),
  );
  return {
    status: response.status,
    body: await response.text(),
    replayed: response.headers.get("idempotent-replayed") === "true",
    calls: points.calls(),
  };
}

process.on("message", async (order: Order) => {
  process.send?.(await carryOut(order));
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
