import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { openEvent, sealEvent } from "../../../src/core/inbox/event.ts";
import { createSealer } from "../../../src/core/seal.ts";
import type { Delivery, Reading, WebhookProvider } from "../../../src/model/delivery.ts";
import { type ErrorCode, isNevertwiceError } from "../../../src/model/errors.ts";
import type { AuthenticEvent } from "../../../src/model/event.ts";
import type { WaitingEvent } from "../../../src/store/inbox.ts";
import { createChance } from "../../simulation/chance.ts";
import { isSame } from "../json.ts";

export const NOW = 1_790_000_000_000;
export const SECRET = "first-secret-1234";

/** A delivery in a form that can be printed; the body has one character for each byte. */
export interface Wire {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Whether the provider itself signed this, whatever it is. */
  readonly isSigned: boolean;
}

/** One provider: what it signs, and how that is told from outside. */
export interface Scene {
  readonly name: string;
  readonly provider: WebhookProvider;
  readonly bodies: readonly string[];
  /** Signs a body as the provider would. */
  sign(body: string): Pick<Wire, "headers"> & Partial<Pick<Wire, "url" | "body">>;
  /** All that the signature covers, as one text, read in another way than the provider's. */
  covered(wire: Wire): string;
  /** Whether the key may come from what is not signed, as the provider's own words say. */
  readonly looseKeys?: true;
  /** Whether other parts of the payload than the signed ones may change. */
  readonly loosePayload?: true;
  /** Words of the provider's own language, for the mutations. */
  readonly words?: readonly string[];
}

export function macOf(
  content: string,
  encoding: "hex" | "base64" = "hex",
  algorithm = "sha256",
  secret: string | Uint8Array = SECRET,
): string {
  return createHmac(algorithm, secret).update(Buffer.from(content, "latin1")).digest(encoding);
}

export function headerOf(wire: Wire, name: string): string {
  return wire.headers.find(([one]) => one === name)?.[1] ?? "";
}

/** The text of a body that is UTF-8. */
export function textOf({ body }: Pick<Wire, "body">): string {
  return Buffer.from(body, "latin1").toString("utf8");
}

/** A text as a body, with one character for each byte. */
export function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function signedWire(scene: Scene, body: string): Wire {
  return { method: "POST", url: "/hook", body, isSigned: true, ...scene.sign(body) };
}

function toDelivery({ method, url, headers, body }: Wire): Delivery {
  return {
    method,
    url,
    body: Buffer.from(body, "latin1"),
    header: (name) => headers.filter(([one]) => one === name).map(([, value]) => value),
  };
}

const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "signature-missing",
  "signature-wrong",
  "signature-late",
  "webhook-malformed",
]);

async function readingOf(scene: Scene, wire: Wire): Promise<Reading | undefined> {
  try {
    return await scene.provider.read(toDelivery(wire), NOW);
  } catch (error) {
    if (!isNevertwiceError(error) || !REFUSALS.has(error.code)) throw error;
    // Whatever the provider signs it has signed, so that only its form can be wrong.
    if (wire.isSigned) assert.equal(error.code, "webhook-malformed");
    return undefined;
  }
}

/** What each authentic delivery holds, by what its signature covers. */
export type Known = ReadonlyMap<string, readonly AuthenticEvent[]>;

export async function knownOf(scene: Scene): Promise<Known> {
  const known = new Map<string, readonly AuthenticEvent[]>();
  for (const body of scene.bodies) {
    const wire = signedWire(scene, body);
    const reading = await readingOf(scene, wire);
    assert.equal(reading?.kind, "events", `${scene.name} refuses its own delivery.`);
    if (reading?.kind === "events") known.set(scene.covered(wire), reading.events);
  }
  return known;
}

/** Nothing is taken but what was signed, and it is taken for the same event each time. */
export async function checkWire(scene: Scene, known: Known, wire: Wire): Promise<void> {
  const reading = await readingOf(scene, wire);
  if (reading === undefined) return;
  if (reading.kind === "handshake") {
    assert.equal(wire.method, "GET");
    assert.match(reading.answer.body ?? "", /^public\|[0-9a-f]{40}$/);
    return;
  }
  for (const event of reading.events) {
    checkEvent(event);
    checkKept(event);
  }
  const again = await readingOf(scene, wire);
  assert.deepEqual(again, reading);
  if (wire.isSigned) return;
  const authentic = known.get(scene.covered(wire));
  assert.ok(authentic, "It takes what nobody has signed.");
  if (scene.looseKeys === true) return;
  for (const event of reading.events) {
    const original: AuthenticEvent | undefined = authentic.find(({ key }) => key === event.key);
    assert.ok(original, `It has the new key ${event.key}.`);
    const isEqual = Buffer.compare(original.fingerprint, event.fingerprint) === 0;
    if (!isEqual) continue;
    if (scene.loosePayload !== true)
      assert.ok(isSame(event.payload, original.payload), "Another payload raises no alarm.");
    assert.deepEqual(event.object, original.object);
    assert.deepEqual(event.evidence, original.evidence);
  }
}

const sealer = createSealer(undefined, createChance(1));

/** What a provider has signed can be kept, and is read back as it came. */
function checkKept(event: AuthenticEvent): void {
  // A number beyond all bounds is the one thing that JSON can say and cannot repeat.
  if (JSON.stringify(event.payload, beyond)?.includes(BEYOND)) return;
  const body = sealEvent(sealer, "source", event);
  const opened = openEvent(sealer, "source", { key: event.key, body } as WaitingEvent);
  assert.ok(isSame(opened?.payload, event.payload));
}

const BEYOND = "beyond-all-bounds";

function beyond(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? BEYOND : value;
}

/** What every reader of events relies on. */
function checkEvent({ key, type, fingerprint, object, occurredAt }: AuthenticEvent): void {
  assert.match(key, /^[!-~]{1,300}$/);
  assert.ok(typeof type === "string" && type !== "");
  assert.equal(fingerprint.length, 32);
  if (object !== undefined)
    assert.ok(typeof object.kind === "string" && typeof object.id === "string");
  if (occurredAt !== undefined) assert.ok(Number.isFinite(occurredAt));
}
