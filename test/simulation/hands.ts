import { aliveOf, never } from "./life.ts";
import type { Hands } from "./parts.ts";
import { accountOf } from "./provider.ts";
import type { Node } from "./scheduler.ts";
import type { WorkloadName } from "./workload.ts";
import type { World } from "./world.ts";

/** How likely a row is refused: no fault, but what databases do. */
const BARRED = 0.3;

/** What the handlers of one process may touch. */
export function handsOf(world: World, node: Node): Hands {
  const { scheduler, facts, excused } = world;
  const alive = aliveOf(node);
  return {
    nonce: () => world.nonce(node),
    ...accountOf(world, node),
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
    bar() {
      if (!alive() || !world.chance.hit(BARRED)) return;
      scheduler.note(() => `${node.name} is refused a row`);
      throw Object.assign(new Error("There is such a row."), { code: "23505" });
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
  const repeats = ["opaque-rerun", "opaque-probe", "composed"].includes(workload);
  const blank = place === "start" || place === "written";
  return blank && !repeats ? [undefined, 500, 429, 404] : [undefined, 500, 429];
}
