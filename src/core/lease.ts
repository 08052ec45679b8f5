import { NevertwiceError } from "../model/errors.ts";
import type { Holder } from "../model/operation.ts";
import type { Snapshot } from "../store.ts";
import { type Ports, within } from "./ports.ts";

/** The claim of one attempt, kept alive while the handler runs. */
export interface Lease {
  readonly holder: Holder;
  /** Aborts when the claim is lost, or can no longer be proved. */
  readonly signal: AbortSignal;
  /** Asks the database now. @throws lease-lost */
  assertOwner(): Promise<void>;
  /** Declares the claim lost: a write of ours was refused as stale. */
  lose(): void;
  /** Ends the heartbeat. */
  stop(): void;
}

/** A heartbeat at a third of the lease leaves two more tries before it lapses. */
const BEATS_PER_LEASE = 3;

export function keepLease(ports: Ports, name: string, snapshot: Snapshot): Lease {
  const holder: Holder = { id: snapshot.record.id, fence: snapshot.record.fence };
  const lost = new AbortController();
  const stopped = new AbortController();
  const lose = (): void => {
    if (lost.signal.aborted || stopped.signal.aborted) return;
    ports.events.emit({ type: "lease.lost", id: holder.id, name, fence: holder.fence });
    lost.abort(new NevertwiceError("lease-lost"));
    stopped.abort();
  };
  const renew = async (): Promise<"held" | "lost" | "not-known"> => {
    const answer = await within(ports, ports.store.renew(holder, ports.settings.leaseMs));
    if (answer.kind !== "ok") return "not-known";
    return answer.value === "done" ? "held" : "lost";
  };
  void beat(ports, snapshot, stopped.signal, renew, lose);
  return {
    holder,
    signal: lost.signal,
    lose,
    stop: () => stopped.abort(),
    async assertOwner() {
      if (lost.signal.aborted) throw new NevertwiceError("lease-lost");
      const state = await renew();
      if (state === "held") return;
      if (state === "lost") lose();
      throw new NevertwiceError(state === "lost" ? "lease-lost" : "store-unavailable");
    },
  };
}

async function beat(
  ports: Ports,
  snapshot: Snapshot,
  stopped: AbortSignal,
  renew: () => Promise<string>,
  lose: () => void,
): Promise<void> {
  const { clock, settings } = ports;
  const pause = settings.leaseMs / BEATS_PER_LEASE;
  // The database's instants become durations of this process, so its clock may be as wrong as it likes.
  const start = clock.monotonic();
  const runUntil = start + ((snapshot.record.runUntil ?? snapshot.now) - snapshot.now);
  let heldUntil = start + ((snapshot.record.leaseUntil ?? snapshot.now) - snapshot.now);
  while (!stopped.aborted) {
    const next = Math.min(clock.monotonic() + pause, heldUntil, runUntil);
    await clock.sleep(Math.max(next - clock.monotonic(), 1), stopped);
    if (stopped.aborted) return;
    const sent = clock.monotonic();
    if (sent >= Math.min(heldUntil, runUntil)) return lose();
    const state = await renew();
    if (state === "lost") return lose();
    if (state === "held") heldUntil = Math.min(sent + settings.leaseMs, runUntil);
  }
}
