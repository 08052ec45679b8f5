import { hash } from "node:crypto";
import type { AuthenticEvent, EventEvidence } from "../../src/model/event.ts";
import type { Charge, SentEvent } from "./history.ts";
import type { Node } from "./scheduler.ts";
import { hearsEvents, PAYMENT } from "./webhook.ts";
import type { Process, World } from "./world.ts";

/** The provider's own sender of events: late, out of order, and again until it is heard. */
export interface Sender {
  readonly sent: readonly SentEvent[];
  /** Tells of a new charge, and at times of what comes of it. */
  tell(charge: Charge, id: number): void;
  /** Tells of a charge that nobody here has made. */
  tellOfStranger(): void;
  /** Sends some of the events once more: the others must have been kept when they were heard. */
  sendAgain(): void;
  /** The process that was asked has died. */
  lost(node: Node): void;
}

const LATENESS_MS = [0, 0, 20, 300, 1_000, 5_000] as const;
const GAP_MS = 250;

/** One event on its way, until it is acknowledged. */
interface Delivery {
  readonly event: Sending;
  readonly name: string;
  asked: { readonly node: Node; readonly generation: number } | undefined;
}

type Sending = { -readonly [Part in keyof SentEvent]: SentEvent[Part] } & {
  readonly given: AuthenticEvent;
};

type Post = Pick<World, "plan" | "scheduler" | "chance" | "processes">;

export function createSender({ plan, scheduler, chance, processes }: Post): Sender {
  const sent: Sending[] = [];
  const deliveries: Delivery[] = [];

  function emit(about: string | undefined, given: AuthenticEvent): void {
    const event = { key: given.key, operation: about, given, acknowledged: 0, deliveries: 0 };
    sent.push(event);
    for (let left = 1 + chance.below(3); left > 0; left -= 1)
      later(deliver(event), chance.pick(LATENESS_MS));
  }

  function deliver(event: Sending): Delivery {
    const name = `sender ${event.key}#${event.deliveries}`;
    const delivery = { event, name, asked: undefined };
    event.deliveries += 1;
    deliveries.push(delivery);
    return delivery;
  }

  function later(delivery: Delivery, afterMs: number): void {
    scheduler.timer(undefined, scheduler.now() + afterMs, () => send(delivery), delivery.name);
  }

  function send(delivery: Delivery): void {
    const process = chance.pick(processes);
    const by = { name: delivery.name, to: process.node };
    const act = (): void => ask(delivery, process);
    scheduler.park({ node: undefined, by, port: "sender", method: "deliver", faults: [], act });
  }

  function ask(delivery: Delivery, { node, inbox }: Process): void {
    const { event } = delivery;
    const mine = { node, generation: node.generation };
    delivery.asked = mine;
    const hear = (note: string, then: () => void): void => {
      if (delivery.asked !== mine) return;
      delivery.asked = undefined;
      scheduler.note(() => `${delivery.name} is ${note}`);
      then();
    };
    const answer = inbox?.accept([event.given]) ?? Promise.reject();
    answer.then(
      () =>
        hear("acknowledged", () => {
          event.acknowledged += 1;
        }),
      (error) => hear(`refused: ${error}`, () => later(delivery, GAP_MS)),
    );
  }

  return {
    sent,
    tell({ operation, mark }, id) {
      if (!hearsEvents(plan)) return;
      const evidence = { ...PAYMENT, finding: "executed", stands: true } as const;
      const ours = mark === undefined ? {} : { providerKey: mark };
      const first = { ...evidence, ...ours, reference: String(id) };
      emit(operation, eventOf("payment.succeeded", id, first));
      if (!chance.hit(0.3)) return;
      // The provider copies our key to what comes of the payment.
      const capture = { ...first, kind: "capture", reference: `capture-${id}` };
      emit(operation, eventOf("payment.captured", id, capture));
    },
    tellOfStranger() {
      const evidence = { ...PAYMENT, finding: "executed", stands: true, reference: "s" } as const;
      emit(undefined, eventOf("payment.succeeded", "s", { ...evidence, providerKey: "theirs" }));
    },
    sendAgain() {
      for (const event of sent) if (chance.hit(0.5)) later(deliver(event), 0);
    },
    lost(node) {
      for (const delivery of deliveries) {
        if (delivery.asked?.node !== node || delivery.asked.generation === node.generation)
          continue;
        delivery.asked = undefined;
        later(delivery, GAP_MS);
      }
    },
  };
}

function eventOf(type: string, id: number | string, evidence: EventEvidence): AuthenticEvent {
  const key = `${type}:${id}`;
  const object = { kind: "payment", id: String(id) };
  return {
    key,
    type,
    object,
    evidence,
    payload: { id },
    fingerprint: hash("sha256", key, "buffer"),
  };
}
