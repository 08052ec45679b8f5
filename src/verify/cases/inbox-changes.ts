import assert from "node:assert/strict";
import type { EventEnd } from "../../store/inbox.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import {
  claimedObject,
  eventOf,
  eventRecordOf,
  stagedKeys,
  stagedOf,
  taken,
  workOf,
} from "./inbox-sample.ts";
import { after, answered, within } from "./sample.ts";

/** Guarantee 36, where another event brings the change while the first one is handled. */
export const inboxChangeCases: readonly StoreCase[] = [
  {
    guarantee: 36,
    name: "an event whose change another one brings while its callback waits is not handled",
    needs: ["races", "rows", "async-callbacks"],
    run: (bench) => bringMeanwhile(bench, (number) => ({ kind: "done", number })),
  },
  {
    guarantee: 36,
    name: "nor is one whose callback says itself that it is superseded",
    needs: ["races", "rows", "async-callbacks"],
    run: (bench) => bringMeanwhile(bench, (number) => ({ kind: "superseded", number })),
  },
];

async function bringMeanwhile(
  bench: StoreBench,
  endOf: (number: number) => EventEnd,
): Promise<void> {
  const { store } = bench;
  const other = (await bench.again?.()) ?? store;
  const change = "succeeded:pi_1";
  const second = eventOf("b", { change, object: "charge:ch_1" });
  let brought: boolean | undefined;
  const handled = store.inbox.acceptHandled(eventOf("a", { change }), async (tx, { number }) => {
    const [first] = await within(20_000, taken(other, second));
    brought = first?.isNew;
    return after(bench.userRows.insert(tx, "row"), () =>
      workOf([endOf(number)], { state: "paid", messages: [stagedOf("m")] }),
    );
  });
  const answer = answered(await handled);
  assert.ok(answer.kind === "known" && answer.accepted.isNew && brought);
  const record = await eventRecordOf(store, answer.accepted.number);
  assert.deepEqual([record.key, record.state], ["a", "superseded"]);
  assert.equal(await bench.userRows.count(), 0);
  assert.deepEqual(await stagedKeys(store, "m"), []);
  const object = await claimedObject(store);
  assert.deepEqual([object.object, object.events.length], ["charge:ch_1", 1]);
}
