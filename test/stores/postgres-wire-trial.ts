import type { Answer } from "../../src/store.ts";
import { answered, firstOf } from "../../src/verify/cases/sample.ts";
import type { LossyProxy, Spot, Watch } from "./postgres-proxy.ts";
import type { Direction } from "./postgres-wire.ts";
import type { Call, Method, Ready } from "./postgres-wire-call.ts";
import type { Opened } from "./postgres-wire-drivers.ts";
import { plain, type Truth, type TruthTeller } from "./postgres-wire-truth.ts";

/** What trials are made with: one database, and one proxy before it. */
export interface Lab extends Ready {
  readonly proxy: LossyProxy;
  readonly teller: TruthTeller;
  /** The store over the proxy; lives through the trials, so that its pool has to bear them. */
  readonly opened: Opened;
  /** Whether a connection remembers statements: then every trial needs a new one. */
  readonly remembers: boolean;
  /** How long an answer may take before there is none, in milliseconds. */
  readonly answerMs: number;
  open(): Opened;
}

/** What a call does and says where nothing fails, and what the same call does and says again. */
export interface Lesson {
  readonly method: Method;
  readonly types: Readonly<Record<Direction, string>>;
  readonly before: Truth;
  readonly once: Truth;
  readonly twice: Truth;
  readonly first: string;
  readonly second: string;
}

export type Said = "ok" | "threw" | "not-applied" | "not-known" | "nothing";

export interface Trial {
  readonly spot: Spot;
  readonly said: Said;
  readonly ms: number;
  /** What broke the contract; undefined if nothing did. */
  readonly wrong: string | undefined;
}

const NOBODY = "0".repeat(64);

/** A moment before the call: everything is prepared, and a connection is open or none is. */
interface Scene {
  readonly since: number;
  readonly call: Call;
  readonly opened: Opened;
  close(): Promise<void>;
}

async function openScene(lab: Lab, method: Method): Promise<Scene> {
  await lab.teller.reset();
  const since = Date.now();
  const call = await method.prepare(lab);
  const isNew = method.cold === true || lab.remembers;
  const opened = isNew ? lab.open() : lab.opened;
  // It proves, too, that the pool has survived the trial before.
  if (method.cold !== true) answered(await opened.store.read(NOBODY));
  return { since, call, opened, close: async () => void (isNew && (await opened.close())) };
}

/** @throws if the method says or does something else than is written of it */
export async function learn(lab: Lab, method: Method): Promise<Lesson> {
  const scene = await openScene(lab, method);
  try {
    const tell = (): Promise<Truth> => lab.teller.tell(scene.since);
    const before = await tell();
    const watch = lab.proxy.watch();
    const first = answered(await scene.call(scene.opened));
    const types = { ...watch.types };
    await watch.end();
    const once = await tell();
    const second = answered(await scene.call(scene.opened));
    const twice = await tell();
    const said = kindOf(second);
    if (method.reads !== true && said !== method.again)
      throw new Error(`${method.name} says ${said} the second time, not ${method.again}.`);
    if ((before.rows === once.rows) !== (method.reads === true))
      throw new Error(`${method.name} changes something, or it should have.`);
    const texts = { first: plain(first, scene.since), second: plain(second, scene.since) };
    return { method, types, before, once, twice, ...texts };
  } finally {
    await scene.close();
  }
}

/** One call with one fault, a look at the database, and the same call again. */
export async function attempt(lab: Lab, lesson: Lesson, spot: Spot): Promise<Trial> {
  const scene = await openScene(lab, lesson.method);
  const began = performance.now();
  try {
    const watch = lab.proxy.watch(spot);
    const answer = await firstOf(lab.answerMs, scene.call(scene.opened));
    const ms = Math.round(performance.now() - began);
    const said = answer === undefined ? "nothing" : saidOf(answer.value);
    const text = answer?.value.kind === "ok" ? plain(answer.value.value, scene.since) : "";
    const wrong =
      spot.fault === "late"
        ? await judgeLate(lab, lesson, scene, watch, said)
        : await judge(lab, lesson, scene, watch, { said, text, spot });
    return { spot, said, ms, wrong: watch.port === undefined ? "was never met" : wrong };
  } finally {
    await scene.close();
  }
}

interface Heard {
  readonly said: Said;
  readonly text: string;
  readonly spot: Spot;
}

async function judge(
  lab: Lab,
  lesson: Lesson,
  scene: Scene,
  watch: Watch,
  { said, text, spot }: Heard,
): Promise<string | undefined> {
  await watch.end();
  if (watch.port !== undefined && spot.fault !== "delay") await lab.teller.gone(watch.port);
  const truth = await lab.teller.tell(scene.since);
  const { before, once, first } = lesson;
  const [isBefore, isOnce] = [truth.rows === before.rows, truth.rows === once.rows];
  if (said === "nothing") return "nothing was answered";
  if (!isBefore && !isOnce && lesson.method.tiers === true)
    return said === "not-known" ? judgeRest(lab, lesson, scene) : `said ${said}, a part is there`;
  if (!isBefore && !isOnce) return `half is there:\n${truth.rows}\ninstead of:\n${once.rows}`;
  if (said === "ok" && !isOnce) return "ok, and it is not there";
  if (said === "ok" && text !== first) return `said ${text} instead of ${first}`;
  if (said === "not-applied" && !isBefore) return "not applied, and it is there";
  if (said === "threw" && !isBefore) return "the callback threw, and it is there";
  if (spot.fault === "delay" && said !== "ok") return `said ${said} after a delay`;
  return judgeRetry(lab, lesson, scene, isBefore ? "before" : "once");
}

/** The same attempt again finds what it did, or does it. */
async function judgeRetry(
  lab: Lab,
  lesson: Lesson,
  scene: Scene,
  stands: "before" | "once",
): Promise<string | undefined> {
  await lab.teller.align(lesson[stands]);
  const [said, rows] =
    stands === "before" ? [lesson.first, lesson.once.rows] : [lesson.second, lesson.twice.rows];
  const retry = await firstOf(lab.answerMs, scene.call(scene.opened));
  if (retry?.value.kind !== "ok") return `the retry said ${plain(retry?.value, scene.since)}`;
  const text = plain(retry.value.value, scene.since);
  if (text !== said) return `the retry said ${text} instead of ${said}`;
  const truth = await lab.teller.tell(scene.since);
  return truth.rows === rows ? undefined : `the retry left:\n${truth.rows}\nnot:\n${rows}`;
}

/** What a part of is there is made whole by the next call. */
async function judgeRest(lab: Lab, lesson: Lesson, scene: Scene): Promise<string | undefined> {
  const rest = await firstOf(lab.answerMs, scene.call(scene.opened));
  const truth = await lab.teller.tell(scene.since);
  const whole = rest?.value.kind === "ok" && truth.rows === lesson.once.rows;
  return whole ? undefined : "the next call does not do the rest";
}

/** The client tries again before what it gave up reaches the server after all. */
async function judgeLate(
  lab: Lab,
  lesson: Lesson,
  scene: Scene,
  watch: Watch,
  said: Said,
): Promise<string | undefined> {
  const retry = await firstOf(lab.answerMs, scene.call(scene.opened));
  await watch.end();
  await lab.teller.gone(watch.port ?? 0);
  const rows = unnumbered((await lab.teller.tell(scene.since)).rows);
  const [before = "", once = "", twice = "", first = ""] = [
    ...[lesson.before.rows, lesson.once.rows, lesson.twice.rows, lesson.first].map(unnumbered),
  ];
  if (said === "nothing" || retry === undefined) return "nothing was answered";
  const isWhole = [before, once, twice].includes(rows);
  if (!isWhole && lesson.method.tiers === true) return judgeRest(lab, lesson, scene);
  if (!isWhole) return `half is there:\n${rows}`;
  const answer = retry.value;
  const text = answer.kind === "ok" ? unnumbered(plain(answer.value, scene.since)) : "";
  if (rows === before && rows !== once && (said === "ok" || text === first))
    return `said ${said}, the retry ${text}, and nothing is there`;
  const again = answer.kind === "not-applied" && said !== "ok" && said !== "not-known";
  if (rows !== before && again) return `said ${said} twice, and it is there`;
  const last = await firstOf(lab.answerMs, scene.call(scene.opened));
  if (last?.value.kind === "ok") return undefined;
  return `the last call said ${plain(last?.value, scene.since)}`;
}

/** Numbers of a sequence are given out again to nobody, so two tries do not get the same. */
function unnumbered(text: string): string {
  return text.replace(/"(number|id)":\d+/g, '"$1":0').replace(/^\[[\d,]+\]$/, "[0]");
}

function saidOf(answer: Answer<unknown>): Said {
  if (answer.kind !== "ok") return answer.kind;
  return kindOf(answer.value) === "threw" ? "threw" : "ok";
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length}]`;
  const named = typeof value === "object" && value !== null && "kind" in value;
  return String(named ? value.kind : value);
}
