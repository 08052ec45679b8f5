import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import {
  type AuthenticEvent,
  type EncryptionOptions,
  nevertwice,
  type Once,
  refused,
} from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";

const HOSTILE = "t\u001b[2J\u009b\u202e";

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** The command line as a person calls it, on one file. */
export function commandLine(file: string): (...args: string[]) => Ran {
  return (...args) => {
    const command = ["--conditions=source", "src/cli/main.ts", ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      encoding: "utf8",
      env: { ...process.env, NEVERTWICE_DB: file, USER: "ann" },
    });
    return { code: status, out: stdout, error: stderr };
  };
}

function event(id: string, type: string, given: Partial<AuthenticEvent> = {}): AuthenticEvent {
  const payload = given.payload ?? { id };
  return {
    ...{ key: `id:${id}`, type, payload, occurredAt: 1_700_000_000_000 },
    fingerprint: hash("sha256", JSON.stringify([id, payload]), "buffer"),
    ...given,
  };
}

const KEYS: EncryptionOptions = { current: "k", keys: { k: new Uint8Array(32).fill(7) } };

type SqliteOnce = Once<DatabaseSync, "sync">;

async function onFile(
  file: string,
  work: (once: SqliteOnce) => Promise<unknown>,
  encryption?: EncryptionOptions,
): Promise<void> {
  const db = new DatabaseSync(file);
  const once = nevertwice({
    store: sqliteStore(db),
    onEvent: () => undefined,
    ...(encryption === undefined ? {} : { encryption }),
  });
  await work(once);
  await once.close();
  db.close();
}

/**
 * Events in every state, by their numbers: 1 done, delivered twice; 2 dead; 3 parked; 4 unhandled,
 * with a conflict; 5 done and 6 superseded by it; 7 done, found by a sweep; 8 sealed and unhandled.
 */
export async function fillInbox(file: string): Promise<void> {
  await onFile(file, async (once) => {
    const inbox = once.inbox(
      { source: "acme" },
      {
        "payment.succeeded": () => undefined,
        "payment.failed": (_, { refuse }) => refuse(`no order ${HOSTILE}`),
        "order.paid": (_, { waitFor }) => waitFor("order:77"),
        "refund.settled": { nature: "once-only", handler: () => undefined },
      },
      {
        sweep: {
          async *pages() {
            yield { events: [event("evt_7", "payment.succeeded")], cursor: "evt_7" };
          },
        },
      },
    );
    const object = { kind: "payment", id: "pi_1" };
    const payment = event("evt_1", "payment.succeeded", { object });
    const unhandled = event("evt_4", HOSTILE, { payload: { name: HOSTILE } });
    await inbox.accept([payment]);
    await inbox.accept([payment]);
    await inbox.accept([event("evt_2", "payment.failed", { object })]);
    await inbox.accept([event("evt_3", "order.paid")]);
    await inbox.accept([unhandled]);
    await inbox.accept([{ ...unhandled, fingerprint: hash("sha256", "other", "buffer") }]);
    await inbox.accept([event("evt_5", "refund.settled", { object })]);
    await inbox.accept([event("evt_6", "refund.settled", { object })]);
    await inbox.sweepOnce();
    for (let pass = 0; pass < 3; pass += 1) await once.worker.runOnce();
  });
  await onFile(
    file,
    (once) => once.inbox({ source: "vault" }, {}).accept([event("evt_8", "card.added")]),
    KEYS,
  );
}

/** Messages by their numbers: 1 sent, 2 in doubt, 3 dead, 4 waiting behind the 2nd, 5 in doubt. */
export async function fillOutbox(file: string): Promise<void> {
  await onFile(file, async (once) => {
    once.relay("receipt", ({ key }) => {
      if (key === "r3") return refused({ reason: HOSTILE });
      if (key === "r1") return { id: "m_1" };
      throw new Error(`no answer ${HOSTILE}`);
    });
    const input = { "~standard": { version: 1, vendor: "test", validate } } as const;
    const place = once.atomic("place", {
      input,
      handler(op) {
        for (const key of ["r1", "r2", "r3", "r4", "r5"])
          op.stage("receipt", {}, { key, ...(/[24]/.test(key) ? { aggregate: "order_7" } : {}) });
        return {};
      },
    });
    await place.run({ scope: "acct_1", key: "k1", input: {} });
    await once.worker.runOnce();
  });
}

function validate(value: unknown): { readonly value: unknown } {
  return { value };
}
