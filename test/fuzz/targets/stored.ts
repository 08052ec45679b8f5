import assert from "node:assert/strict";
import { openEvent, sealEvent } from "../../../src/core/inbox/event.ts";
import type { Ports } from "../../../src/core/ports.ts";
import { createSealer, type EncryptionOptions, type Sealer } from "../../../src/core/seal.ts";
import { toReplay } from "../../../src/core/settlement.ts";
import type { WaitingEvent } from "../../../src/store/inbox.ts";
import { createChance } from "../../simulation/chance.ts";
import { mutatedBytes } from "../mutation.ts";
import { byteTarget, type Target } from "../target.ts";

const ID = "a".repeat(64);
const OTHER_ID = "b".repeat(64);
const PLACE = "response";
const random = createChance(1, "sealing");

const keys = { new: random.bytes(32), old: random.bytes(32), constructor: random.bytes(32) };
const encryption = (current: keyof typeof keys): EncryptionOptions => ({ current, keys });
/** Without a key of a name that every object has. */
const few: EncryptionOptions = { current: "new", keys: { new: keys.new, old: keys.old } };

const sealer = createSealer(few, random);
const others = [createSealer(encryption("constructor"), random), createSealer(undefined, random)];

const CLEARS = [
  '{"order":1}',
  "",
  '{"text":"longer than one block of the cipher, by some letters"}',
];
const sealedBy = (one: Sealer): readonly Uint8Array[] =>
  CLEARS.map((text) => one.seal(ID, PLACE, Buffer.from(text)));

/** What was sealed here, by the sealed bytes in hexadecimal digits. */
const known = new Map<string, string>();
const bases: Uint8Array[] = [];
for (const name of ["new", "old"] as const)
  for (const [index, bytes] of sealedBy(
    createSealer({ ...few, current: name }, random),
  ).entries()) {
    known.set(Buffer.from(bytes).toString("hex"), CLEARS[index] ?? "");
    bases.push(bytes);
  }
/** What must not open: the bytes of others, and names that every object has. */
const strange: readonly Uint8Array[] = [
  ...others.flatMap(sealedBy),
  ...["__proto__", "constructor", "toString"].map((name) =>
    Buffer.concat([Buffer.of(1, name.length), Buffer.from(name), random.bytes(40)]),
  ),
];

const seal: Target = byteTarget({
  name: "sealed-bytes",
  make(chance) {
    const one = chance.pick(chance.hit(0.8) ? bases : strange);
    if (chance.hit(0.1)) return one;
    if (chance.hit(0.8)) return mutatedBytes(chance, one);
    const at = chance.below(one.length);
    return Buffer.concat([one.subarray(0, at), chance.pick(bases).subarray(at)]);
  },
  check(bytes) {
    const expected = known.get(Buffer.from(bytes).toString("hex"));
    const opened = sealer.open(ID, PLACE, bytes);
    assert.equal(opened && Buffer.from(opened).toString("utf8"), expected);
    assert.equal(sealer.open(OTHER_ID, PLACE, bytes), undefined);
    assert.equal(sealer.open(ID, "input", bytes), undefined);
    const response = { headers: [], body: bytes };
    const replay = toReplay({ sealer } as unknown as Ports, ID, {
      ...{ kind: "succeeded", status: 200, response },
    });
    if (expected === undefined)
      assert.equal(replay.kind === "refused" && replay.code, "response-not-replayable");
    else assert.equal(replay.kind, "succeeded");
  },
});

const clear = createSealer(undefined, random);
const event = {
  ...{ key: "id:1", type: "paid", fingerprint: new Uint8Array(32) },
  payload: { a: "x", list: [1, null] },
};
const stored = [clear, sealer].map((one) => sealEvent(one, "source", event));

const body: Target = byteTarget({
  name: "stored-event",
  make: (chance) =>
    chance.hit(0.05) ? chance.pick(stored) : mutatedBytes(chance, chance.pick(stored)),
  check(bytes) {
    const waiting = { key: event.key, body: bytes } as WaitingEvent;
    const opened = openEvent(sealer, "source", waiting);
    const whole = Buffer.compare(bytes, stored[1] ?? bytes) === 0;
    assert.deepEqual(opened, whole ? { payload: event.payload } : undefined);
    const text = Buffer.from(bytes.subarray(1)).toString("utf8");
    const legible = openEvent(clear, "source", waiting);
    assert.deepEqual(legible, bytes[0] === 0 ? legibleOf(text) : undefined);
  },
});

function legibleOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const STORED_TARGETS: readonly Target[] = [seal, body];
