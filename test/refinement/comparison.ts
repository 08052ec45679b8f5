import { isDeepStrictEqual } from "node:util";
import { pictureOf } from "./picture.ts";
import { plainOf } from "./plain.ts";
import { type Act, openWorld, type Place, STEP_MS, TICK_MS } from "./world.ts";

/** Makes an empty store of its kind; what it was before is gone. */
export type Opening = () => Promise<Place>;

/** The first thing that two stores say differently. */
export interface Difference {
  /** The shortest sequence that was found for it. */
  readonly acts: readonly Act[];
  /** What was asked last. */
  readonly asked: string;
  readonly model: unknown;
  readonly real: unknown;
}

/** What a store said to each call, and what it held after some of them. */
interface Said {
  readonly asked: string;
  readonly answer: unknown;
}

/** A picture takes many reads, so it is taken after every few calls and at the end. */
const PICTURE_EVERY = 8;

/** Plays a sequence on an empty store. */
async function play(open: Opening, acts: readonly Act[], every: number): Promise<readonly Said[]> {
  const world = openWorld(await open());
  const said: Said[] = [];
  for (const [index, act] of acts.entries()) {
    world.skew.ms += act.ticks * TICK_MS + STEP_MS;
    const answer = plainOf(world, act.counted, await act.play(world));
    said.push({ asked: act.text, answer });
    if ((index + 1) % every === 0 || index + 1 === acts.length)
      said.push({ asked: `all, after ${act.text}`, answer: await pictureOf(world) });
  }
  return said;
}

/** The first difference of one run; undefined if the stores agree. */
async function differ(
  [model, real]: readonly [Opening, Opening],
  acts: readonly Act[],
  every = PICTURE_EVERY,
): Promise<Difference | undefined> {
  const told = await play(model, acts, every);
  const seen = await play(real, acts, every);
  for (const [index, { asked, answer }] of told.entries()) {
    const other = seen[index]?.answer;
    if (!isAlike(answer, other)) return { acts, asked, model: answer, real: other };
  }
  return undefined;
}

/**
 * The model runs a callback before it looks at the fence, and so tells that it threw; another store
 * may look first, as the contract does not say what comes of a late callback that throws.
 */
export function isAlike(model: unknown, real: unknown): boolean {
  if (isDeepStrictEqual(model, real)) return true;
  const [threw, late] = [kindOf(model), kindOf(real)];
  return threw.kind === "threw" && (late.kind === "stale" || late.reason === "stale");
}

export function kindOf(answer: unknown): { readonly kind?: unknown; readonly reason?: unknown } {
  const value = isObject(answer) ? answer["value"] : undefined;
  return isObject(value) ? value : {};
}

/** The first difference with its shortest sequence; undefined if the stores agree. */
export async function compare(
  model: Opening,
  real: Opening,
  acts: readonly Act[],
): Promise<Difference | undefined> {
  const stores = [model, real] as const;
  let found = await differ(stores, acts);
  if (found === undefined) return undefined;
  // With a picture after every call the difference shows at the call that made it.
  found = (await differ(stores, acts, 1)) ?? found;
  for (let size = found.acts.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at < found.acts.length; ) {
      const rest: readonly Act[] = found.acts.toSpliced(at, size);
      const again: Difference | undefined =
        rest.length === 0 ? undefined : await differ(stores, rest, 1);
      if (again === undefined) at += size;
      else found = again;
    }
  return found;
}

/** The sequence and the answers, to be read by a person. */
export function tellDifference({ acts, asked, model, real }: Difference): string {
  const calls = acts.map(({ ticks, text }) => `  ${ticks > 0 ? `+${ticks} ticks ` : ""}${text}`);
  const [a, b] = narrowed(model, real, []);
  return [
    ...["The shortest sequence:", ...calls, `They differ in ${asked}:`],
    ...[`  the model: ${a}`, `  the store: ${b}`],
  ].join("\n");
}

/** The part that differs, by its path. */
function narrowed(model: unknown, real: unknown, path: readonly string[]): [string, string] {
  if (isObject(model) && isObject(real)) {
    const names = [...new Set([...Object.keys(model), ...Object.keys(real)])];
    const name = names.find((one) => !isDeepStrictEqual(model[one], real[one]));
    if (name !== undefined) return narrowed(model[name], real[name], [...path, name]);
  }
  const show = (value: unknown): string => `${path.join(".")} = ${JSON.stringify(value)}`;
  return [show(model), show(real)];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
