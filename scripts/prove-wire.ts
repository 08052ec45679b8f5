import { parseArgs } from "node:util";
import { WIRE_FAULTS, type WireFault } from "../test/stores/postgres-wire.ts";
import type { Method } from "../test/stores/postgres-wire-call.ts";
import { DRIVERS } from "../test/stores/postgres-wire-drivers.ts";
import {
  type OpenLab,
  openLab,
  PATIENCE_MS,
  type Tried,
  tryMethod,
  wrongsOf,
} from "../test/stores/postgres-wire-lab.ts";
import { METHODS } from "../test/stores/postgres-wire-methods.ts";
import type { Said } from "../test/stores/postgres-wire-trial.ts";
import { type Ground, openGround } from "./ground.ts";
import { Misused } from "./misused.ts";

/**
 * A new connection that is lost leaves the rejection of a statement of its own unhandled, and a
 * statement of the user's on a lost one is written to no socket.
 */
const DYING = "postgres.js";
const SHOWN_MAX = 3;
const SAYINGS: readonly Said[] = ["ok", "threw", "not-applied", "not-known", "nothing"];

/** Every message of every method of the store, lost in every way. @returns the exit code */
export async function proveWire(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      method: { type: "string" },
      driver: { type: "string", default: "pg" },
      fault: { type: "string" },
      lanes: { type: "string", default: "4" },
      // A busy machine needs more, or it is slow and not the store wrong.
      patience: { type: "string", default: String(PATIENCE_MS) },
    },
  });
  const { method, driver, fault } = values;
  const methods = METHODS.filter(
    ({ name, cold }) =>
      (method === undefined || name === method) &&
      !(driver === DYING && (cold === true || name === "join")),
  );
  if (driver === DYING) console.log(`SKIPPED: ${DYING} itself ends the process in join and cold.`);
  const faults = WIRE_FAULTS.filter((name) => fault === undefined || name === fault);
  const [lanes = 0, patience = 0] = [values.lanes, values.patience].map(Number);
  const known = methods.length > 0 && faults.length > 0 && DRIVERS[driver] !== undefined;
  if (!known || !(lanes > 0) || !(patience > 0)) throw new Misused("This makes no sense.");
  const ground = await openGround("postgres");
  if (ground === undefined) return 1;
  const began = performance.now();
  try {
    const open = async (): Promise<OpenLab> => openLab(await databaseOf(ground), driver, patience);
    const { tried, stopped } = await tryAll(methods, { open, lanes, faults, driver });
    const seconds = Math.round((performance.now() - began) / 1_000);
    return report(
      driver,
      { all: methods.flatMap((name) => tried.get(name) ?? []), stopped },
      seconds,
    );
  } finally {
    await ground.close();
  }
}

interface Trying {
  readonly driver: string;
  readonly faults: readonly WireFault[];
  readonly lanes: number;
  open(): Promise<OpenLab>;
}

/** Each lane has a lab of its own, and a new one after a method that left its own unusable. */
async function tryAll(methods: readonly Method[], { open, lanes, faults, driver }: Trying) {
  const left = [...methods];
  const tried = new Map<Method, Tried>();
  const stopped: string[] = [];
  const lane = async (): Promise<void> => {
    while (left.length > 0) {
      const lab = await open();
      try {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          tried.set(next, await tryMethod(lab, next, faults));
          console.log(`${driver}: ${tried.size} of ${methods.length}, ${next.name}`);
        }
      } catch (error) {
        stopped.push(error instanceof Error ? error.message : String(error));
        console.log(`${driver}: stopped in ${stopped.at(-1)}`);
      } finally {
        await lab.close();
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { tried, stopped };
}

async function databaseOf(ground: Ground): Promise<string> {
  const url = await ground.database();
  if (url === undefined) throw new Error("Postgres gave no database.");
  return url;
}

const HEADINGS = ["method", "messages out", "in", "faults", ...SAYINGS, "longest", "wrong"];

interface Found {
  readonly all: readonly Tried[];
  readonly stopped: readonly string[];
}

function report(driver: string, { all, stopped }: Found, seconds: number): number {
  const rows = [HEADINGS, HEADINGS.map(() => "---"), ...all.map(toCells)];
  const trials = all.flatMap((tried) => tried.trials);
  const wrongs = [
    ...all.flatMap((tried) =>
      wrongsOf(tried).map((wrong) => `${tried.lesson.method.name}: ${wrong}`),
    ),
    ...stopped,
  ];
  const messages = all.reduce((sum, { lesson: { types } }) => {
    return sum + types.request.length + types.answer.length;
  }, 0);
  console.log(`\n${rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`);
  console.log(
    `${driver}: ${all.length} calls, ${messages} messages, ${trials.length} faults in ${seconds} s, wrong ${wrongs.length}.`,
  );
  for (const wrong of wrongs.slice(0, SHOWN_MAX * (all.length + 1))) console.log(wrong);
  return wrongs.length === 0 ? 0 : 1;
}

function toCells(tried: Tried): (string | number)[] {
  const { lesson, trials } = tried;
  const { request, answer } = lesson.types;
  return [
    ...[lesson.method.name, `${request.length} ${request}`, `${answer.length} ${answer}`],
    trials.length,
    ...SAYINGS.map((said) => trials.filter((trial) => trial.said === said).length),
    `${Math.max(...trials.map(({ ms }) => ms))} ms`,
    wrongsOf(tried).length,
  ];
}
