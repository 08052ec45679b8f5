import assert from "node:assert/strict";
import { test } from "node:test";
import { type CurrentOperation, declined, isNevertwiceError, ok } from "../../src/index.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  evidenceOf,
  LEASE_MS,
  pay,
  type Scene,
  settleTurn,
  stepOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";
import { watched } from "./watched.ts";

/** A process whose claim another one takes over, and which knows that, when `lose` is called. */
function losable(scene: Scene, effect: ChargeEffect, store = scene.store) {
  let mine: CurrentOperation | undefined;
  const bank = acquirer();
  const operation = scene.process({ store }).operation("pay", {
    input: Order,
    handler: async (op) => {
      mine = op;
      return ok(await op.external("charge", effect), 201);
    },
  });
  const takeOver = async (): Promise<void> => {
    scene.advance(LEASE_MS + 1);
    assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "succeeded");
  };
  const lose = async (): Promise<void> => {
    await takeOver();
    await assert.rejects(mine?.assertOwner() ?? Promise.resolve(), isLost);
  };
  return { operation, takeOver, lose };
}

const isLost = (error: unknown): boolean => isNevertwiceError(error, "lease-lost");

test("H5: a claim lost while its send is committed neither sends nor judges what was not sent", async () => {
  const scene = stage();
  const bank = acquirer();
  const judged: unknown[] = [];
  const judge = (error: unknown) => {
    judged.push(error);
    return declined({ code: "never asked" });
  };
  const zombie = losable(scene, bank.effect({ judge }), {
    ...scene.store,
    begin: async (holder, step) => {
      const answer = await scene.store.begin(holder, step);
      if (holder.fence === 1) await zombie.lose();
      return answer;
    },
  });
  const end = await zombie.operation.run(call);
  await settleTurn();
  assert.ok(end.kind === "succeeded" && end.replayed);
  assert.deepEqual([bank.keys, judged, await evidenceOf(scene)], [[], [], []]);
});

test("H28: a claim whose answer was lost runs nothing before it is renewed", async () => {
  const scene = stage();
  const gone = { kind: "not-known", error: new Error("gone") } as const;
  let claims = 0;
  let ran = 0;
  const store: Scene["store"] = {
    ...scene.store,
    claim: async (request) => {
      claims += 1;
      const answer = await scene.store.claim(request);
      return claims === 1 ? gone : answer;
    },
    renew: async () => gone,
  };
  const operation = scene.process({ store, waitMs: 1_000 }).operation("pay", {
    input: Order,
    handler: () => {
      ran += 1;
      return ok();
    },
  });
  const end = await operation.run(call);
  assert.ok(end.kind === "store-unavailable");
  assert.deepEqual([end.error, end.retryAfterMs, ran], [gone.error, 1_000, 0]);
});

test("H5: an adapter that asks right before its first byte hears that the claim is lost", async () => {
  const scene = stage();
  const bank = acquirer();
  const heard: unknown[] = [];
  const send: ChargeEffect["send"] = async (sent) => {
    await zombie.lose();
    try {
      sent.checkTime();
    } catch (error) {
      heard.push(error);
      throw error;
    }
    return bank.send(sent);
  };
  const zombie = losable(scene, bank.effect({ send }));
  assert.equal((await zombie.operation.run(call)).kind, "succeeded");
  await settleTurn();
  assert.deepEqual([bank.keys.length, heard.map(isLost)], [0, [true]]);
});

test("H5: a send without an answer, of a claim that is lost meanwhile, writes nothing more", async () => {
  const scene = stage();
  const { store, recorded } = watched(scene);
  const send = async () => {
    await zombie.lose();
    throw new Error("no answer");
  };
  const zombie = losable(scene, acquirer().effect({ send }), store);
  assert.equal((await zombie.operation.run(call)).kind, "succeeded");
  await settleTurn();
  assert.deepEqual(recorded, []);
  assert.deepEqual(
    (await stepOf(scene))?.effect?.sends.map(({ fence, verdict }) => [fence, verdict]),
    [
      [1, undefined],
      [2, "definite"],
    ],
  );
});

test("H5: the send of a newer owner is not taken for one's own, whose begin was lost", async () => {
  const scene = stage();
  const bank = acquirer();
  let lost = true;
  const zombie = losable(scene, bank.effect(), {
    ...scene.store,
    begin: async (...given) => {
      if (!lost) return scene.store.begin(...given);
      lost = false;
      await zombie.takeOver();
      return { kind: "not-known", error: new Error("the connection broke") };
    },
  });
  const end = await zombie.operation.run(call);
  await settleTurn();
  assert.ok(end.kind === "succeeded" && end.replayed);
  assert.deepEqual(bank.keys, []);
  assert.deepEqual(
    (await stepOf(scene))?.effect?.sends.map(({ number, fence }) => [number, fence]),
    [[1, 2]],
  );
});
