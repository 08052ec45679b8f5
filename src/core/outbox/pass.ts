import type { MessageEnd } from "../../store/outbox.ts";
import { within } from "../ports.ts";
import type { Relay } from "./relay.ts";
import { type OutboxPorts, sendMessage } from "./send.ts";

/** The claim outlives the send by so much, for the end to be written. */
const MARGIN_MS = 15_000;

/** What one pass of relaying did. */
export interface Relaying {
  readonly claimed: number;
  readonly sent: number;
  /** Whether the store could be asked. */
  readonly reachable: boolean;
}

/** The sends that one pass starts; undefined if the store could not be asked. */
export type Sendings = [string, Promise<MessageEnd | undefined>][];

/** Claims messages that are due, and starts to send them. */
export async function startRelaying(
  ports: OutboxPorts,
  relays: ReadonlyMap<string, Relay>,
  limit: number,
): Promise<Sendings | undefined> {
  if (relays.size === 0 || limit <= 0) return [];
  const timeouts = [...relays.values()].map(({ timeoutMs }) => timeoutMs);
  const leaseMs = Math.max(...timeouts) + MARGIN_MS;
  const request = { topics: [...relays.keys()], leaseMs, limit };
  const since = ports.clock.monotonic();
  const answer = await within(ports, ports.outbox.claim(request));
  if (answer.kind !== "ok") {
    ports.events.emit({ type: "outbox.failed", error: answer.error });
    return undefined;
  }
  return answer.value.flatMap((message) => {
    const relay = relays.get(message.topic);
    return relay === undefined
      ? []
      : [[`${message.number} ${message.fence}`, sendMessage(ports, relay, message, since)]];
  });
}

/** Sends what is due, once. */
export async function relayOnce(
  ports: OutboxPorts,
  relays: ReadonlyMap<string, Relay>,
  limit: number,
): Promise<Relaying> {
  const started = await startRelaying(ports, relays, limit);
  if (started === undefined) return { claimed: 0, sent: 0, reachable: false };
  const ends = await Promise.all(started.map(([, sending]) => sending));
  const sent = ends.filter((end) => end?.kind === "sent").length;
  return { claimed: started.length, sent, reachable: true };
}
