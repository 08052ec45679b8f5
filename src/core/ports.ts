import type { Clock } from "../model/clock.ts";
import type { Random } from "../model/random.ts";
import type { Answer, CallbackMode, OperationStore } from "../store.ts";
import type { Events } from "./events.ts";
import type { Flights } from "./flights.ts";
import type { Sealer } from "./seal.ts";
import type { Settings } from "./settings.ts";

/** Everything with an effect that the core may use. A simulation hands in its own. */
export interface Ports<Tx = unknown, Mode extends CallbackMode = CallbackMode> {
  readonly store: OperationStore<Tx, Mode>;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly sealer: Sealer;
  readonly settings: Settings;
  readonly namespace: string | undefined;
  readonly flights: Flights;
}

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
    const cancel = ports.clock.timer(ms, () => {
      const error = new Error(`The store did not answer within ${ms} ms.`);
      resolve({ kind: "not-known", error });
    });
    const end = (answer: Answer<T>): void => {
      cancel();
      resolve(answer);
    };
    // A store that throws has broken its contract; what it did is not known.
    call.then(end, (error: unknown) => end({ kind: "not-known", error }));
  });
}
