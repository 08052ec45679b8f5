import { createHook } from "node:async_hooks";

/** What a handler waited for that the simulation cannot see. */
export interface ForeignWait {
  /** Such as "a timer". */
  readonly what: string;
  /** The line that began it, if it can be told. */
  readonly place: string | undefined;
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^Timeout$/, "a timer"],
  [/^Immediate$/, "setImmediate"],
  [/TCP|TLS|UDP|PIPE|SOCKET|HTTP|ADDRINFO|QUERY/i, "the network"],
  [/^FS|FILEHANDLE/i, "a file"],
  [/PROCESS|WORKER|MESSAGEPORT/i, "another process or thread"],
  [/PBKDF2|SCRYPT|RANDOM|SIGN|HASH|KEY|CIPHER|ZLIB|JOB/i, "work in another thread"],
];

/** Watches what is begun while `run` goes on; slow, so only for telling what went wrong. */
export async function foreignWaits(run: () => Promise<unknown>): Promise<ForeignWait[]> {
  const waits: ForeignWait[] = [];
  const hook = createHook({
    init(_, type) {
      const what = WORDS.find(([pattern]) => pattern.test(type))?.[1];
      if (what !== undefined) waits.push({ what, place: placeOf(new Error(type).stack ?? "") });
    },
  });
  hook.enable();
  try {
    await run();
  } finally {
    hook.disable();
  }
  return waits;
}

/** The first line that is neither Node's nor the simulation's. */
function placeOf(stack: string): string | undefined {
  const own = new URL(".", import.meta.url).href;
  const line = stack
    .split("\n")
    .slice(1)
    .find((one) => !/node:|node_modules/.test(one) && !one.includes(own));
  return line === undefined ? undefined : /\(?([^\s()]+:\d+:\d+)\)?$/.exec(line)?.[1];
}

/** The error for a handler that never goes on. */
export function foreignError(handler: string, waits: readonly ForeignWait[]): Error {
  const [first] = waits.filter(({ place }) => place !== undefined).concat(waits);
  const place = first?.place === undefined ? "" : ` (${first.place})`;
  const what = first === undefined ? "something" : `${first.what}${place}`;
  return new Error(
    [
      `The handler of ${handler} awaits ${what} that the simulation cannot see, so it never goes on.`,
      "Wrap what it calls: const call = effect(name, fn), of what `build` is given.",
      "To wait, use `clock.sleep(ms)`; time is virtual and nobody sleeps.",
    ].join(" "),
  );
}
