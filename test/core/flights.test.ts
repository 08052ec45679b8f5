import assert from "node:assert/strict";
import { test } from "node:test";
import { createFlights } from "../../src/core/flights.ts";
import { recordId } from "../../src/model/key.ts";
import { gate, settleTurn } from "./acquirer.ts";

test("a flight is shared by its payload while it lasts, and an unanswered claim is taken once", async () => {
  const flights = createFlights();
  const id = recordId("own", "a", "k");
  const [same, other] = [Uint8Array.of(1), Uint8Array.of(2)];
  const end = gate<never>();
  const flight = flights.launch(id, same, () => end.passed);
  assert.equal(flights.join(id, Uint8Array.of(1)), flight);
  assert.equal(flights.join(id, other), undefined);
  const second = flights.launch(id, other, () => new Promise(() => undefined));
  assert.notEqual(second, flight);
  assert.equal(flights.join(id, same), flight, "the first one stays");
  end.open({ kind: "refused" } as never);
  await settleTurn();
  assert.equal(flights.join(id, same), undefined);
  flights.keepUnanswered(id, same, "a1");
  const taken = [other, Uint8Array.of(1), same].map((one) => flights.takeUnanswered(id, one));
  assert.deepEqual(taken, [undefined, "a1", undefined]);
  for (let count = 0; count <= 1_000; count += 1)
    flights.keepUnanswered(`${count}` as never, same, "a");
  assert.equal(flights.takeUnanswered("999" as never, same), "a");
  assert.equal(flights.takeUnanswered("1000" as never, same), undefined);
});
