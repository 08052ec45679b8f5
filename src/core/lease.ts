import { NevertwiceError } from "../model/errors.ts";
import { type Holder, holderOf } from "../model/operation.ts";
import type { Snapshot } from "../store.ts";
import { type Ports, within } from "./ports.ts";

/** The claim of one attempt, kept alive while the handler runs. */
export interface Lease {
  /** What a write names, as it is now. */
  readonly holder: Holder;
  /** Steps were seen to come so much further, by `progressOf`. */
  saw(progress: number): void;
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
  return new KeptLease(ports, name, snapshot);
}

/**
 * A class, because there is one for every attempt: a getter in an object literal gives each object
 * a hidden class of its own, which holds on to it until a full collection, and methods in it would
 * be made anew each time.
 */
class KeptLease implements Lease {
  #holder: Holder;
  readonly #ports: Ports;
  readonly #name: string;
  readonly #runUntil: number;
  #heldUntil: number;
  #claim: "held" | "lost" | "stopped" = "held";
  #listeners: readonly (() => void)[] = [];
  /** Made when the signal is first asked for. */
  #controller: AbortController | undefined;
  #cancel: () => void = () => undefined;

  constructor(ports: Ports, name: string, { record, now }: Snapshot) {
    this.#holder = holderOf(record);
    this.#ports = ports;
    this.#name = name;
    // The database's instants become durations of this process, so its clock may be as wrong as it
    // likes.
    const start = ports.clock.monotonic();
    this.#runUntil = start + ((record.runUntil ?? now) - now);
    this.#heldUntil = start + ((record.leaseUntil ?? now) - now);
    this.#schedule();
  }

  get holder(): Holder {
    return this.#holder;
  }

  saw(progress: number): void {
    const { seen = 0 } = this.#holder;
    this.#holder = { ...this.#holder, seen: seen + progress };
  }

  get lost(): boolean {
    return this.#claim === "lost";
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.lost) this.#controller.abort(new NevertwiceError("lease-lost"));
    return this.#controller.signal;
  }

  onLost(listener: () => void): void {
    this.#listeners = [...this.#listeners, listener];
  }

  lose(): void {
    if (this.#claim !== "held") return;
    this.#claim = "lost";
    const { id, fence } = this.#holder;
    this.#ports.events.emit({ type: "lease.lost", id, name: this.#name, fence });
    this.#controller?.abort(new NevertwiceError("lease-lost"));
    for (const listener of this.#listeners) listener();
  }

  stop(): void {
    if (this.#claim === "held") this.#claim = "stopped";
    this.#cancel();
  }

  async assertOwner(): Promise<void> {
    const answer = this.lost ? "lost" : await this.#renew();
    if (answer === "held") return;
    if (answer === "lost") this.lose();
    throw new NevertwiceError(answer === "lost" ? "lease-lost" : "store-unavailable");
  }

  async #renew(): Promise<Renewal> {
    const { store, settings } = this.#ports;
    const answer = await within(this.#ports, store.renew(this.#holder, settings.leaseMs));
    if (answer.kind !== "ok") return "not-known";
    return answer.value === "done" ? "held" : "lost";
  }

  /** Renews in time until it is told to end, and gives the claim up when it cannot be proved. */
  #schedule(): void {
    const { clock, settings } = this.#ports;
    const now = clock.monotonic();
    const next = now + settings.leaseMs / BEATS_PER_LEASE;
    const wait = Math.min(next, this.#heldUntil, this.#runUntil) - now;
    this.#cancel = clock.timer(Math.max(wait, 1), () => void this.#beat());
  }

  async #beat(): Promise<void> {
    const { clock, settings } = this.#ports;
    const sent = clock.monotonic();
    if (sent >= Math.min(this.#heldUntil, this.#runUntil)) return this.lose();
    const renewal = await this.#renew();
    if (this.#claim !== "held") return;
    if (renewal === "lost") return this.lose();
    if (renewal === "held") this.#heldUntil = Math.min(sent + settings.leaseMs, this.#runUntil);
    this.#schedule();
  }
}

/** The signal of a lease for what a handler is given; a class for the same reason. */
export class LeaseSignal {
  readonly #lease: Lease;

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  get signal(): AbortSignal {
    return this.#lease.signal;
  }
}
