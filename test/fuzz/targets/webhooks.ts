import type { Chance } from "../../simulation/chance.ts";
import { retyped } from "../json.ts";
import { mutated, oddText } from "../mutation.ts";
import { jsonTarget, type Target } from "../target.ts";
import { OWN_SCENES } from "../webhooks/own-schemes.ts";
import {
  bytesOf,
  checkWire,
  knownOf,
  type Scene,
  signedWire,
  type Wire,
} from "../webhooks/scene.ts";
import { SHARED_SECRET_SCENES } from "../webhooks/shared-secret.ts";

const JSON_WORDS = [
  '"id":',
  '"type":',
  "null",
  "{}",
  "[]",
  '"__proto__":{}',
  "[".repeat(100),
  '"cut \\ud83d"',
];

function wireOf(scene: Scene, bases: readonly Wire[], chance: Chance): Wire {
  const { words = [] } = scene;
  if (chance.hit(0.15)) {
    // What only the provider itself could send: signed, and odd.
    const body = altered(chance.pick(scene.bodies), chance, [...words, ...JSON_WORDS]);
    return signedWire(scene, body);
  }
  let wire: Wire = { ...chance.pick(bases), isSigned: false };
  for (let left = 1 + chance.below(2); left > 0; left -= 1)
    wire = changed(scene, bases, wire, chance);
  return wire;
}

function changed(scene: Scene, bases: readonly Wire[], wire: Wire, chance: Chance): Wire {
  const { words = [] } = scene;
  switch (chance.below(7)) {
    case 0:
    case 1:
    case 2:
      return { ...wire, body: altered(wire.body, chance, [...words, ...JSON_WORDS]) };
    case 3:
      return { ...wire, headers: changedHeaders(wire.headers, chance, words) };
    case 4:
      return { ...wire, body: chance.pick(bases).body };
    case 5:
      return { ...wire, url: `/${toHeader(mutated(chance, wire.url.slice(1), words))}` };
    default:
      return chance.hit(0.1)
        ? {
            ...wire,
            method: "GET",
            url: `/?bt_challenge=${chance.hit(0.5) ? "ab".repeat(10) : oddText(chance)}`,
          }
        : { ...wire, headers: chance.pick(bases).headers };
  }
}

function altered(body: string, chance: Chance, words: readonly string[]): string {
  if (chance.hit(0.3)) return bytesOf(retyped(chance, Buffer.from(body, "latin1").toString()));
  const text = mutated(chance, body, words);
  return chance.hit(0.5) ? bytesOf(text) : toBytes(text);
}

function changedHeaders(
  headers: Wire["headers"],
  chance: Chance,
  words: readonly string[],
): Wire["headers"] {
  if (headers.length === 0) return [["authorization", oddText(chance)]];
  const at = chance.below(headers.length);
  const [name, value] = headers[at] ?? ["", ""];
  const without = headers.filter((_, index) => index !== at);
  if (chance.hit(0.003)) return [...without, [name, stretched(chance, value)]];
  switch (chance.below(5)) {
    case 0:
      return without;
    case 1:
      return [...headers, [name, value]];
    case 2:
      return [...headers, [name, toHeader(mutated(chance, value, words))]];
    default:
      return [...without, [name, toHeader(mutated(chance, value, words)).trim()]];
  }
}

/** As long as a server lets a header be, with one character all over. */
function stretched(chance: Chance, value: string): string {
  const at = chance.below(value.length + 1);
  const long = chance.pick([" ", "=", ",", ";", "a", "/", "|", "+"]).repeat(15_000);
  return value.slice(0, at) + long + value.slice(at);
}

/** Nothing but bytes, as one character each. */
function toBytes(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** What a server's parser lets into a header, of the size that it allows. */
function toHeader(text: string): string {
  return toBytes(text)
    .replaceAll(/\p{Cc}/gu, "")
    .slice(0, 16_000);
}

async function webhookTarget(scene: Scene): Promise<Target> {
  const known = await knownOf(scene);
  const bases = scene.bodies.map((body) => signedWire(scene, body));
  return jsonTarget<Wire>({
    name: `webhook-${scene.name}`,
    make: (chance) => wireOf(scene, bases, chance),
    check: (wire) => checkWire(scene, known, wire),
  });
}

export const WEBHOOK_TARGETS: readonly Target[] = await Promise.all(
  [...SHARED_SECRET_SCENES, ...OWN_SCENES].map(webhookTarget),
);
