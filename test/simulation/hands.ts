import type { Hands } from "./parts.ts";
import type { Fault } from "./plan.ts";
import type { Node } from "./scheduler.ts";
import type { WorkloadName } from "./workload.ts";
import { aliveOf, never, type World } from "./world.ts";

export const PROVIDER_FAULTS: readonly Fault[] = [
  "lose-answer",
  "lose-request",
  "late-answer",
  "crash-before",
  "crash-after",
  "pause",
  "defer",
];

/** What the handlers of one process may touch. */
export function handsOf(world: World, node: Node): Hands {
  const { scheduler, charges, facts, excused } = world;
  const alive = aliveOf(node);
  const ask = <T>(method: string, answer: () => T): Promise<T> =>
    alive() ? callProvider(world, node, method, answer) : never;
  return {
    nonce: () => world.nonce(node),
    charge: ({ operation, step, declines, mark }, key) =>
      // A charge that an event tells of is another method of the provider.
      ask(mark === undefined ? "charge" : "pay", () => {
        const known = charges.findIndex((one) => key !== undefined && one.key === key);
        const id = known < 0 ? charges.length : known;
        if (known < 0) {
          const kind = declines ? "declined" : "succeeded";
          const charge = {
            operation,
            step,
            key,
            kind,
            ...(mark === undefined ? {} : { mark }),
          } as const;
          charges.push(charge);
          world.sender.tell(charge, id);
        }
        return declines ? world.code.declined({ code: "refused" }) : { id };
      }),
    retrieve: (reference) =>
      ask("retrieve", () => ({ id: charges.findIndex((_, id) => String(id) === reference) })),
    refund: (operation, charge, key) =>
      ask("refund", () => {
        const known = charges.findIndex((one) => one.key === key);
        if (known < 0) charges.push({ operation, step: `refund ${charge}`, key, kind: "refunded" });
        return { id: known < 0 ? charges.length - 1 : known };
      }),
    find: (operation, step) =>
      ask("find", () => {
        const id = charges.findIndex((one) => one.operation === operation && one.step === step);
        return id < 0 ? undefined : { id };
      }),
    look: (operation) => ask("look", () => charges.some((one) => one.operation === operation)),
    pause() {
      if (!alive()) return never;
      return new Promise((resolve) => {
        const act = (): void => {
          if (alive()) resolve();
        };
        scheduler.park({ node, port: "handler", method: "pause", faults: ["pause", "defer"], act });
      });
    },
    mood(place, operation) {
      if (!alive() || !scheduler.strikes("throw", `handler.${place}`)) return;
      const status = world.chance.pick(statusesOf(world, place, operation));
      scheduler.note(() => `${node.name} handler throws ${status ?? "an error"} at ${place}`);
      if (status === undefined) throw new Error("The handler fails.");
      if (status === 404) excused.add(operation);
      throw Object.assign(new Error("The handler refuses."), { status });
    },
    ran(operation, { amount }) {
      if (alive())
        facts.push({ type: "ran", at: scheduler.now(), operation, variant: `${amount}` });
    },
  };
}

/** A handler says 404 or 429 only where it has done nothing that nobody else can see. */
function statusesOf(world: World, place: string, operation: string): (number | undefined)[] {
  const planned = world.plan.operations.find(({ label }) => label === operation);
  const workload: WorkloadName = planned?.workload ?? "checkout";
  if (workload.startsWith("opaque") && place !== "start") return [undefined, 500];
  const repeats = workload === "opaque-rerun" || workload === "opaque-probe";
  const blank = place === "start" || place === "written";
  return blank && !repeats ? [undefined, 500, 429, 404] : [undefined, 500, 429];
}

/** A call of the provider: what it does stands, whether or not its answer arrives. */
function callProvider<T>(world: World, node: Node, method: string, answer: () => T): Promise<T> {
  const { scheduler } = world;
  const alive = aliveOf(node);
  return new Promise((resolve, reject) => {
    const act = (fault: Fault | undefined): void => {
      const lost = (): void => {
        const left = fault !== "lose-request" || world.chance.hit(0.5);
        const error = new Error("The connection was reset.");
        if (!alive()) return;
        scheduler.hears(node, left);
        reject(left ? error : Object.assign(error, { code: "ECONNREFUSED" }));
      };
      if (fault === "crash-before") world.crash(node);
      if (fault === "lose-request") lost();
      if (fault === "crash-before" || fault === "lose-request") return;
      const given = answer();
      const deliver = (): void => {
        if (!alive()) return;
        scheduler.hears(node, given);
        resolve(given);
      };
      if (fault === "crash-after") world.crash(node);
      else if (fault === "lose-answer") lost();
      else if (fault !== "late-answer") deliver();
      else scheduler.park({ node, port: "answer", method, faults: ["defer"], act: deliver });
    };
    scheduler.park({ node, port: "provider", method, faults: PROVIDER_FAULTS, act });
  });
}
