import { NevertwiceError } from "../model/errors.ts";
import type { Holder } from "../model/operation.ts";
import type { Snapshot } from "../store.ts";
import { type Ports, within } from "./ports.ts";

/** The claim of one attempt, kept alive while the handler runs. */
export interface Lease {
  readonly holder: Holder;
  /** Whether the claim is lost, or can no longer be proved. */
  readonly lost: boolean;
  /** Aborts when the claim is lost. Made when it is first asked for, because most never are. */
  readonly signal: AbortSignal;
  /** Calls back once when the claim is lost. */
  onLost(listener: () => void): void;
  /** Asks the database now. @throws lease-lost */
  assertOwner(): Promise<void>;
  /** Declares the claim lost: a write of ours was refused as stale. */
  lose(): void;
  /** Ends the heartbeat. */
  stop(): void;
}

/** A heartbeat at a third of the lease leaves two more tries before it lapses. */
const BEATS_PER_LEASE = 3;

type Renewal = "held" | "lost" | "not-known";

export function keepLease(ports: Ports, name: string, snapshot: Snapshot): Lease {
  const holder: Holder = { id: snapshot.record.id, fence: snapshot.record.fence };
  const listeners: (() => void)[] = [];
  let state: "held" | "lost" | "stopped" = "held";
  let controller: AbortController | undefined;
  const renew = async (): Promise<Renewal> => {
    const answer = await within(ports, ports.store.renew(holder, ports.settings.leaseMs));
    if (answer.kind !== "ok") return "not-known";
    return answer.value === "done" ? "held" : "lost";
  };
  const lose = (): void => {
    if (state !== "held") return;
    state = "lost";
    endBeat();
    ports.events.emit({ type: "lease.lost", id: holder.id, name, fence: holder.fence });
    controller?.abort(new NevertwiceError("lease-lost"));
    for (const listener of listeners) listener();
  };
  const endBeat = beat(ports, snapshot, renew, lose);
  return {
    holder,
    get lost() {
      return state === "lost";
    },
    get signal() {
      controller ??= new AbortController();
      if (state === "lost") controller.abort(new NevertwiceError("lease-lost"));
      return controller.signal;
    },
    lose,
    onLost: (listener) => void listeners.push(listener),
    stop() {
      if (state === "held") state = "stopped";
      endBeat();
    },
    async assertOwner() {
      const answer = state === "lost" ? "lost" : await renew();
      if (answer === "held") return;
      if (answer === "lost") lose();
      throw new NevertwiceError(answer === "lost" ? "lease-lost" : "store-unavailable");
    },
  };
}

/** Renews in time until it is told to end, and gives the claim up when it cannot be proved. */
function beat(
  ports: Ports,
  { record, now }: Snapshot,
  renew: () => Promise<Renewal>,
  lose: () => void,
): () => void {
  const { clock, settings } = ports;
  // The database's instants become durations of this process, so its clock may be as wrong as it
  // likes.
  const start = clock.monotonic();
  const runUntil = start + ((record.runUntil ?? now) - now);
  let heldUntil = start + ((record.leaseUntil ?? now) - now);
  let ended = false;
  let cancel = (): void => undefined;
  const schedule = (): void => {
    const next = clock.monotonic() + settings.leaseMs / BEATS_PER_LEASE;
    const wait = Math.min(next, heldUntil, runUntil) - clock.monotonic();
    cancel = clock.timer(Math.max(wait, 1), () => void tick());
  };
  const tick = async (): Promise<void> => {
    const sent = clock.monotonic();
    if (sent >= Math.min(heldUntil, runUntil)) return lose();
    const renewal = await renew();
    if (ended) return;
    if (renewal === "lost") return lose();
    if (renewal === "held") heldUntil = Math.min(sent + settings.leaseMs, runUntil);
    schedule();
  };
  schedule();
  return () => {
    ended = true;
    cancel();
  };
}
