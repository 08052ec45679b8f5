import assert from "node:assert/strict";
import { comeBack, type Killed, PAST_LEASE_MS, type Stage } from "./kills.ts";

/** Whether the operation was claimed for good when its process died. */
function isClaimed({ point, when }: Pick<Killed, "point" | "when">): boolean {
  return point !== "namespace" && !(point === "claim" && when === "before");
}

type CheckoutKilled = Killed | Pick<Killed, "key" | "place" | "survivor">;

/** One charge, one order that is paid with it, one receipt, and the same bytes again. */
export async function checkCheckout(
  { scene }: Pick<Stage, "scene">,
  { key, place, survivor, ...killed }: CheckoutKilled,
  skewMs: number = PAST_LEASE_MS,
): Promise<void> {
  if ("worked" in killed && killed.worked && isClaimed(killed))
    assert.equal((await scene.record(key))?.state, "succeeded", `before the client, ${place}`);
  const first = await comeBack(survivor, "/checkout", key, skewMs);
  assert.equal(first.status, 201, `${place}: ${first.body}`);
  const again = await comeBack(survivor, "/checkout", key, skewMs);
  assert.deepEqual([again.status, again.body, again.replayed], [201, first.body, true], place);
  const charges = await scene.charges(key);
  assert.equal(charges.length, 1, `charges, ${place}`);
  const { orderId, chargeId } = JSON.parse(first.body);
  assert.equal(chargeId, charges[0]?.id, place);
  const paid = [{ id: orderId, status: "paid", charge: chargeId }];
  assert.deepEqual(
    (await scene.orders(key)).map(({ ...row }) => row),
    paid,
    `orders, ${place}`,
  );
  assert.deepEqual(await scene.messages(key), ["receipt"], `messages, ${place}`);
}

/** The one transaction of an atomic operation. */
export async function checkNote(
  { scene }: Pick<Stage, "scene">,
  killed: Pick<Killed, "key" | "place" | "survivor">,
): Promise<void> {
  const { key, place, survivor } = killed;
  const first = await comeBack(survivor, "/note", key);
  assert.equal(first.status, 201, `${place}: ${first.body}`);
  const again = await comeBack(survivor, "/note", key);
  assert.deepEqual([again.status, again.body, again.replayed], [201, first.body, true], place);
  const orders = await scene.orders(key);
  assert.deepEqual(
    orders.map(({ id }) => id),
    [JSON.parse(first.body).orderId],
    place,
  );
  assert.deepEqual(await scene.messages(key), ["noted"], place);
}

/** A wrapped handler never runs a second time; between claim and commit, nobody knows. */
export async function checkWrapped({ scene }: Pick<Stage, "scene">, killed: Killed): Promise<void> {
  const { key, place, point, when, survivor } = killed;
  const settled = point === "settle" && when === "after";
  const answers = [
    await comeBack(survivor, "/wrapped", key),
    await comeBack(survivor, "/wrapped", key),
  ];
  const [first, again] = answers;
  const charges = (await scene.charges(key)).length;
  assert.equal(first?.body, again?.body, place);
  if (isClaimed(killed) && !settled) {
    const charged = point === "settle" || (point === "charge" && when === "after") ? 1 : 0;
    assert.equal(charges, charged, `charges, ${place}`);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [503, 503],
      place,
    );
    assert.equal(JSON.parse(first?.body ?? "").code, "in-doubt", place);
    const record = await scene.record(key);
    assert.deepEqual([record?.state, record?.doubt], ["in_doubt", "effect-unknown"], place);
    return;
  }
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201],
    place,
  );
  assert.equal(charges, 1, `charges, ${place}`);
}
