import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { checkCheckout, checkNote, checkWrapped } from "./checks.ts";
import type { Kill } from "./kill-points.ts";
import {
  type Killed,
  killAnytime,
  killEverywhere,
  killTwice,
  openStage,
  type Play,
  type Stage,
} from "./kills.ts";
import type { Scene } from "./scene.ts";

const SIDES = ["before", "after"] as const;
/** The calls of a checkout in its order; a play may have more, and none of these may be missing. */
const CHECKOUT = [
  "namespace",
  "claim",
  "transact",
  "inside transact",
  "renew",
  "begin",
  "charge",
  "record",
];
/** The provider charged, but its answer was lost: the operation is suspended and taken up again. */
const LOST_ANSWER = [...CHECKOUT, "suspend", "takeOver"];
const NOTE = ["namespace", "atomic", "inside atomic"];
const WRAPPED = ["namespace", "claim", "charge", "settle"];
/** The call after which the provider has charged and nobody has recorded it. */
const CHARGED = CHECKOUT.indexOf("charge") + 1;
const MOMENTS = 8;
const MOMENTS_ALL = 40;
/** From the claim to the last commit, in the order of the calls. */
const CHECKOUT_CALLS = CHECKOUT.length + 2;

export interface PlaysOptions {
  /**
   * `short`: every call of the three forms. `whole`: also by a worker, after a lost answer, and a
   * take-over that is killed. `all`: every play on both sides, two kills in every pair; minutes.
   */
  readonly depth: "short" | "whole" | "all";
}

/** Every kill of every operation's form on one database. */
export function registerPlays(
  name: string,
  open: () => Promise<Scene>,
  { depth }: PlaysOptions,
): void {
  const all = depth === "all";
  let stage: Stage;
  before(async () => {
    stage = await openStage(await open());
  });
  after(() => stage.close());

  const play = (
    sentence: string,
    given: Play,
    points: readonly string[],
    check: (stage: Stage, killed: Killed) => Promise<unknown>,
    sides: readonly Kill["when"][] = all ? SIDES : ["after"],
  ): void => {
    for (const when of sides)
      test(`${name}: ${sentence}, killed ${when} each call`, async (t) => {
        const seen = await killEverywhere(stage, given, when, async (killed) => {
          await check(stage, killed);
        });
        const missing = points.filter((point) => !seen.includes(point));
        assert.deepEqual(missing, [], "points that were never reached");
        t.diagnostic(`${name}, ${given.path}, killed ${when}: ${seen.join(", ")}`);
      });
  };

  const checkout = { path: "/checkout" };
  const wrapped = { path: "/wrapped" };
  play("a checkout is finished by its client's retry", checkout, CHECKOUT, checkCheckout, SIDES);
  play("an atomic operation happens once", { path: "/note" }, NOTE, checkNote);
  play("a wrapped handler never runs again", wrapped, WRAPPED, checkWrapped);
  for (const [path, check] of [
    ["/checkout", checkCheckout],
    ["/note", checkNote],
  ] as const)
    test(`${name}: ${path} killed from outside at any moment`, async (t) => {
      const moments = all ? MOMENTS_ALL : MOMENTS;
      const killed = await killAnytime(stage, path, moments, check);
      t.diagnostic(`${name}, ${path}: ${killed} of ${moments} killed before they could answer`);
    });

  if (depth === "short") return;

  const worked = { ...checkout, worker: true };
  const parked = { ...wrapped, worker: true };
  const lost = { ...checkout, faults: ["reset-after"] };
  play("a checkout is finished by a worker", worked, CHECKOUT, checkCheckout);
  play("a worker never runs a wrapped handler again", parked, WRAPPED, checkWrapped);
  play("a checkout whose provider's answer was lost", lost, LOST_ANSWER, checkCheckout);

  const firsts = all ? Array.from({ length: CHECKOUT_CALLS }, (_, index) => index + 1) : [CHARGED];
  for (const path of all ? ["/checkout", "worker"] : ["/checkout"])
    test(`${name}: a take-over by ${path} is itself killed after each call`, async (t) => {
      for (const at of firsts) {
        const check = (key: string, place: string, skewMs: number): Promise<void> =>
          checkCheckout(stage, { key, place, survivor: stage.survivor }, skewMs);
        const seen = await killTwice(stage, { at, when: "after" }, { path, when: "after" }, check);
        t.diagnostic(`${name}, first killed after call ${at}: ${seen.join(", ")}`);
      }
    });
}
