import type { Clock } from "../model/clock.ts";
import type { OperationRecord } from "../model/operation.ts";
import type { Random } from "../model/random.ts";
import type { Answer, CallbackMode, OperationStore, Store } from "../store.ts";
import type { ErrorWriting } from "./error-line.ts";
import type { Events } from "./events.ts";
import type { Flights } from "./flights.ts";
import type { Sealer } from "./seal.ts";
import type { Settings } from "./settings.ts";

/** An effect that turned out to have happened although its operation had failed. */
export interface Orphan {
  readonly step: string;
  /** The step's value as clear JSON bytes. */
  readonly value: Uint8Array;
  readonly reference: string | undefined;
}

/** Everything with an effect that the core may use. A simulation hands in its own. */
export interface Ports<Tx = unknown, Mode extends CallbackMode = CallbackMode>
  extends ErrorWriting {
  readonly store: OperationStore<Tx, Mode> & Partial<Pick<Store<Tx, Mode>, "inbox" | "outbox">>;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly sealer: Sealer;
  readonly settings: Settings;
  readonly namespace: string | undefined;
  readonly flights: Flights;
  /** Tells the loops of this process's worker that there is something to do. */
  readonly wake: () => void;
  /** Takes back the effect of an operation that had failed. */
  readonly orphans: (record: OperationRecord, orphan: Orphan) => Promise<void>;
}

/** Calls back once what was there before has been handled, in this turn of the event loop. */
const NOW = Promise.resolve();

/**
 * The answer of a call of the store, or not known after the time that one call may take.
 * The deadline is kept here, because a statement time-out does not bound a COMMIT.
 */
export function within<T>(
  ports: Pick<Ports, "clock" | "settings">,
  call: Promise<Answer<T>>,
  ms: number = ports.settings.storeTimeoutMs,
): Promise<Answer<T>> {
  return new Promise((resolve) => {
    let cancel: (() => void) | undefined;
    let open = true;
    const end = (answer: Answer<T>): void => {
      open = false;
      cancel?.();
      resolve(answer);
    };
    const endUnknown = (error: unknown): void => end({ kind: "not-known", error });
    // A store that throws has broken its contract; what it did is not known.
    call.then(end, endUnknown);
    // An answer that is there already needs no deadline, and one costs more than such an answer.
    void NOW.then(() => {
      if (!open) return;
      cancel = ports.clock.timer(ms, () =>
        endUnknown(new Error(`The store did not answer within ${ms} ms.`)),
      );
    });
  });
}
