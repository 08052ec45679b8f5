import type { Evidence, Reopening } from "../../src/model/evidence.ts";
import { EVIDENCE_SOURCES } from "../../src/model/evidence.ts";
import { nextGeneration, OPAQUE_STEP, type StepEnd, VERDICTS } from "../../src/model/step.ts";
import { drawAside, drawMessages, drawPlace, messagesOf } from "./operation-calls.ts";
import {
  bytes,
  type Draw,
  doing,
  drawDoing,
  holderOf,
  type Kind,
  keyOf,
  kind,
  snapshotOf,
  span,
} from "./world.ts";

const STEPS = ["reserve", "charge", "mail", "refund"] as const;
const NAMES = [...STEPS, OPAQUE_STEP];
const REFERENCES = ["pi_1", "pi_2", "pi_3"] as const;
const TARGET = { provider: "stripe", kind: "payment_intent" } as const;
const FINDINGS = ["executed", "declined", "not-executed", "not-found", "unknown"] as const;

const drawHolder = (chance: Draw) => ({ place: drawPlace(chance), aside: drawAside(chance) });

function drawEnd(chance: Draw) {
  const kind = chance.pick(["succeeded", "succeeded", "declined", ...VERDICTS] as const);
  return {
    kind,
    ...(chance.hit(0.3) ? { detail: chance.pick(["It timed out.", "\0", "x".repeat(600)]) } : {}),
    ...(chance.hit(0.6) ? { reference: chance.pick(REFERENCES) } : {}),
    ...(chance.hit(0.3) ? { proven: true } : {}),
  };
}

function endOf(drawn: ReturnType<typeof drawEnd>): StepEnd {
  const { kind, detail, reference, proven } = drawn;
  const said = detail === undefined ? {} : { detail };
  if (kind === "succeeded" || kind === "declined" || kind === "definite") {
    const named = reference === undefined ? {} : { reference };
    return { kind: kind === "definite" ? "succeeded" : kind, value: bytes("1"), ...named, ...said };
  }
  return { kind, ...said, ...(proven === undefined ? {} : { proven }) };
}

function drawEvidence(chance: Draw): Evidence {
  return {
    step: chance.pick(NAMES),
    source: chance.pick(EVIDENCE_SOURCES),
    finding: chance.pick(FINDINGS),
    ...(chance.hit(0.5) ? { reference: chance.pick(REFERENCES) } : {}),
    ...(chance.hit(0.3) ? { detail: chance.pick(["Seen.", "\0", "y".repeat(600)]) } : {}),
    ...(chance.hit(0.3) ? { by: "ada" } : {}),
  };
}

function drawSettled(chance: Draw) {
  return chance.pick([
    { kind: "again" },
    { kind: "not-executed" },
    { kind: "executed", reference: chance.pick(REFERENCES), hasValue: true },
    { kind: "executed", reference: chance.pick(REFERENCES), hasValue: false },
  ] as const);
}

function reopeningOf(evidence: Evidence, settled: ReturnType<typeof drawSettled>): Reopening {
  if (settled.kind === "again") return { evidence };
  if (settled.kind === "not-executed") return { evidence, settled };
  const { kind, reference, hasValue } = settled;
  const value = hasValue ? { value: bytes("2") } : {};
  return { evidence, settled: { kind, reference, ...value } };
}

const markOf = (place: number, step: string, count: number): string =>
  `mark ${keyOf(place).key} ${step} ${count}`;

function drawBegin(chance: Draw) {
  return {
    ...drawHolder(chance),
    ...{ name: chance.pick(STEPS), inputDigest: `digest ${chance.below(2)}` },
    ...{ lookUp: chance.hit(0.5), request: `request ${chance.below(3)}` },
    // A mark is what an effect without a key carries instead.
    ...chance.pick([{ keyed: true }, { keyed: true }, { mark: chance.below(2) }, {}]),
    ...(chance.hit(0.7) ? { target: TARGET } : {}),
    ...(chance.hit(0.4) ? { keptForMs: span(chance.pick([2, 30])) } : {}),
    ...(chance.hit(0.3) ? { compensates: chance.pick(STEPS) } : {}),
  };
}

const sending: readonly Kind[] = [
  kind("begin", 9, drawBegin, async (world, drawn) => {
    const { place, aside, keyed, mark, request, compensates, ...rest } = drawn;
    const record = (await snapshotOf(world, place))?.record;
    const known = record?.steps.find(({ name }) => name === drawn.name);
    const generation = known === undefined ? 0 : nextGeneration(known);
    // As the core does: a step takes back another one that was begun before it.
    const isThere = record?.steps.some(({ name, effect }) => name === compensates && effect);
    const takesBack = isThere === true && compensates !== undefined && compensates !== drawn.name;
    const providerKey = `${keyOf(place).key} ${drawn.name} ${generation}`;
    return world.store.begin(await holderOf(world, place, aside), {
      ...{ ...rest, request: bytes(request), generation },
      ...(keyed ? { providerKey } : {}),
      ...(mark === undefined ? {} : { mark: markOf(place, drawn.name, mark) }),
      ...(takesBack ? { compensates } : {}),
    });
  }),
  kind(
    "record",
    9,
    (chance) => ({ ...drawHolder(chance), name: chance.pick(STEPS), end: drawEnd(chance) }),
    async (world, { place, aside, name, end }) => {
      return world.store.record(await holderOf(world, place, aside), name, endOf(end));
    },
  ),
  kind(
    "transact record",
    4,
    (chance) => ({
      ...{ ...drawHolder(chance), name: chance.pick(STEPS), doing: drawDoing(chance) },
      messages: drawMessages(chance),
    }),
    async (world, { place, aside, name, doing: done, messages }) => {
      return world.store.transact(await holderOf(world, place, aside), (tx) => {
        const said = { inputDigest: "digest", value: bytes("3"), messages: messagesOf(messages) };
        return doing(world, tx, done, { write: { kind: "record", name, ...said }, value: name });
      });
    },
  ),
];

const knowing: readonly Kind[] = [
  kind(
    "note",
    2,
    (chance) => ({ place: drawPlace(chance), evidence: drawEvidence(chance) }),
    (world, { place, evidence }) => world.store.note(keyOf(place).id, evidence),
  ),
  kind(
    "reopen",
    5,
    (chance) => ({
      ...{ place: drawPlace(chance), evidence: drawEvidence(chance) },
      settled: drawSettled(chance),
    }),
    (world, { place, evidence, settled }) =>
      world.store.reopen(keyOf(place).id, reopeningOf(evidence, settled)),
  ),
  kind(
    "stepOf",
    2,
    (chance) =>
      chance.pick([
        { providerKey: `${keyOf(drawPlace(chance)).key} ${chance.pick(STEPS)} ${chance.below(2)}` },
        { providerKey: markOf(drawPlace(chance), chance.pick(STEPS), chance.below(2)) },
        { ...TARGET, reference: chance.pick(REFERENCES) },
      ]),
    (world, mark) => world.store.stepOf(mark),
  ),
];

export const STEP_CALLS: readonly Kind[] = [...sending, ...knowing];
