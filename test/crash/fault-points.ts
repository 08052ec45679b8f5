import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../simulation/chance.ts";
import type { Kill } from "./kill-points.ts";
import type { Finisher, Lane, Trial } from "./lane.ts";

/** One thing that goes wrong, and how one operation is put through it. */
export interface FaultPoint {
  readonly name: string;
  /** @returns undefined if this time the fault was not met */
  run(lane: Lane, key: string, chance: Chance): Promise<Trial | undefined>;
  /** What else than an order that is paid once may rightly be seen: nothing, or a parked doubt. */
  readonly unpaid?: boolean;
}

const SIDES = ["before", "during", "after"] as const;
/** Longer than any call of a store under load; a call of the provider takes about as long. */
const DURING_MS = 6;
const FINISHERS: readonly Finisher[] = ["client", "worker"];
const DAY_MS = 86_400_000;
const PROVIDER_FAULTS = [
  ...["timeout-before", "timeout-after", "reset-before", "reset-after", "truncated"],
  ...["500-before", "500-after", "500-frozen-before", "500-frozen-after", "503-before"],
  ...["429", "409", "late:300"],
];

/** Every fault point that a checkout with one external step can meet. */
export async function faultPoints(lane: Lane): Promise<readonly FaultPoint[]> {
  const rehearsal = await lane.take();
  const ending = await lane.carryOut(rehearsal, "rehearsal");
  await rehearsal.close();
  if (ending.kind === "killed") throw new Error("The rehearsal was killed.");
  const { calls } = ending.answer;
  return [
    ...placesOf(calls).flatMap((place) => SIDES.map((when) => killPoint(place, when))),
    ...PROVIDER_FAULTS.map(providerFault),
    lostAnswerAndKill(calls.length),
    killedTwice(calls.length),
    clientNeverComesBack(calls.length),
    slowerThanItsLease(),
    frozenPastItsLease(),
    workerWasDown("after"),
    workerWasDown("before"),
  ];
}

interface Place {
  readonly call: string;
  readonly nth: number;
}

/** Each call by its name and number, but for heartbeats, which come when they come. */
function placesOf(calls: readonly string[]): Place[] {
  return calls
    .map((call, index) => ({ call, nth: calls.slice(0, index + 1).filter(is(call)).length }))
    .filter(({ call, nth }) => call !== "renew" || nth === 1);
}

const is = (call: string) => (other: string) => other === call;

const NAMES: Readonly<Record<string, string>> = {
  namespace: "the check of the namespace",
  claim: "the claim",
  transact: "the transaction",
  renew: "a renewal of the lease",
  begin: "the begin of the charge",
  charge: "the provider's call",
  record: "the record of the charge",
};

function describe({ call, nth }: Place, when: Kill["when"]): string {
  const name = NAMES[call.replace("inside ", "")] ?? call;
  const which = call.endsWith("transact")
    ? ` of the ${nth === 1 ? "reservation" : "settling"}`
    : "";
  if (!call.startsWith("inside ")) return `SIGKILL ${when} ${name}${which}`;
  if (when === "before") return `SIGKILL inside ${name}${which}, before its writes`;
  return `SIGKILL ${when === "after" ? "before" : "during"} the COMMIT${which}`;
}

function killPoint(at: Place, when: Kill["when"]): FaultPoint {
  return {
    name: describe(at, when),
    async run(lane, key, chance) {
      const kill = { at, when, afterMs: chance.fraction() * DURING_MS };
      if (!(await killOne(lane, key, kill))) return undefined;
      return lane.finish(key, chance.pick(FINISHERS), performance.now());
    },
  };
}

/** @returns whether it died before it could answer */
async function killOne(lane: Lane, key: string, kill: Kill): Promise<boolean> {
  const doomed = await lane.take();
  const ending = await lane.carryOut(doomed, key, kill);
  if (ending.kind === "killed") {
    // What was never claimed has no owner but its client.
    if ((await lane.scene.record(key)) === undefined) await lane.ask(key);
    return true;
  }
  doomed.kill();
  await doomed.close();
  return false;
}

function providerFault(fault: string): FaultPoint {
  return {
    name: `the provider: ${fault}`,
    async run(lane, key) {
      await lane.scene.faults(fault);
      const since = performance.now();
      await lane.ask(key);
      return lane.finish(key, "client", since);
    },
  };
}

function lostAnswerAndKill(calls: number): FaultPoint {
  return {
    name: "the provider's answer is lost, then SIGKILL at any call",
    async run(lane, key, chance) {
      const fault = chance.pick(["reset-after", "reset-before", "500-after", "truncated"]);
      await lane.scene.faults(fault);
      const kill = { at: 1 + chance.below(calls + 4), when: chance.pick(SIDES) };
      const died = await killOne(lane, key, kill);
      const trial = await lane.finish(key, "client", performance.now());
      await lane.scene.faults();
      return died ? trial : undefined;
    },
  };
}

function killedTwice(calls: number): FaultPoint {
  return {
    name: "SIGKILL at any call, and again at any call of the take-over",
    async run(lane, key, chance) {
      const anyKill = (): Kill => ({
        at: 1 + chance.below(calls),
        when: chance.pick(SIDES),
        afterMs: chance.fraction() * DURING_MS,
      });
      const died = await killOne(lane, key, anyKill());
      const diedAgain = await killOne(lane, key, anyKill());
      const trial = await lane.finish(key, chance.pick(FINISHERS), performance.now());
      return died && diedAgain ? trial : undefined;
    },
  };
}

function clientNeverComesBack(calls: number): FaultPoint {
  return {
    name: "SIGKILL at any call, and the client never comes back",
    async run(lane, key, chance) {
      const at = 2 + chance.below(calls - 2);
      if (!(await killOne(lane, key, { at, when: "after" }))) return undefined;
      return lane.finish(key, "worker", performance.now());
    },
  };
}

function slowerThanItsLease(): FaultPoint {
  return {
    name: "a call that is slower than its lease, and a duplicate meanwhile",
    async run(lane, key) {
      await lane.scene.faults("slow:1400");
      const since = performance.now();
      const slow = await lane.take();
      const first = lane.carryOut(slow, key);
      const trial = await lane.finish(key, "client", since);
      await first;
      await slow.close();
      return trial;
    },
  };
}

function frozenPastItsLease(): FaultPoint {
  return {
    name: "SIGSTOP in the call, SIGCONT after another process took over",
    async run(lane, key) {
      await lane.scene.faults("slow:250");
      const zombie = await lane.take();
      const first = lane.carryOut(zombie, key);
      const inCall = await begun(lane, key, first);
      zombie.freeze();
      const trial = await lane.finish(key, "client", performance.now());
      zombie.goOn();
      const ending = await first;
      await zombie.close();
      const again = await lane.finish(key, "client", performance.now());
      if (ending.kind === "killed") throw new Error("The zombie was killed.");
      if (!inCall) return undefined;
      const same = ending.answer.body === (await lane.ask(key)).body;
      return { ...again, recoveredMs: trial.recoveredMs, answers: same ? trial.answers : 2 };
    },
  };
}

/** @returns whether the charge was begun before the process had answered */
async function begun(lane: Lane, key: string, answered: Promise<unknown>): Promise<boolean> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  answered.then(end, end);
  while (!over) {
    const record = await lane.scene.record(key);
    if (record?.steps.some(({ name }) => name === "charge")) return true;
    await sleep(3);
  }
  return false;
}

/** A provider has long forgotten the key by then, so what happened must be looked up. */
function workerWasDown(when: "before" | "after"): FaultPoint {
  const at = { call: "charge", nth: 1 };
  return {
    name: `${describe(at, when)}, and nobody for three days of the database's clock`,
    unpaid: when === "before",
    async run(lane, key) {
      if (!(await killOne(lane, key, { at, when }))) return undefined;
      const since = performance.now();
      return lane.finish(key, "worker", since, 3 * DAY_MS);
    },
  };
}
