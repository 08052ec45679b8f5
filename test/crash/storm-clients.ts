import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../simulation/chance.ts";

/** What a client was told of one key. */
export interface Told {
  /** 0 if the client gave up before it was told anything final. */
  status: number;
  readonly bodies: Set<string>;
}

/** Clients that buy one thing after another, each under a key of its own. */
export interface Clients {
  readonly told: ReadonlyMap<string, Told>;
  readonly requests: () => number;
  /** Lets every client come to the end of its purchase. */
  stop(): Promise<void>;
  /** Asks once more for a key, and notes what is told. */
  ask(key: string): Promise<void>;
}

export interface ClientsOptions {
  readonly count: number;
  readonly urls: () => readonly string[];
  readonly chance: Chance;
}

/** So many keys of a hundred are left alone after the first request, whatever became of it. */
const GIVES_UP = 0.03;
/** So many keys are asked for by two at once. */
const TWICE = 0.1;
const PAUSE_MS = 40;
const RETRY_MS = 150;
/** Longer than a call of the provider and a wait for a duplicate. */
const REQUEST_MS = 15_000;

export function startClients({ count, urls, chance }: ClientsOptions): Clients {
  const told = new Map<string, Told>();
  let requests = 0;
  let stopped = false;

  /** @returns whether the answer is final */
  const request = async (key: string, known: Told): Promise<boolean> => {
    requests += 1;
    const answer = await post(chance.pick(urls()), key);
    if (answer === undefined || !isFinal(answer.status)) return false;
    known.status = answer.status;
    known.bodies.add(`${answer.status} ${answer.body}`);
    return true;
  };
  const untilFinal = async (key: string, known: Told): Promise<void> => {
    while (!(await request(key, known))) await sleep(RETRY_MS * (0.5 + chance.fraction()));
  };
  const buy = async (key: string): Promise<void> => {
    const known: Told = { status: 0, bodies: new Set() };
    told.set(key, known);
    if (chance.hit(GIVES_UP)) return void (await request(key, known));
    const asking = chance.hit(TWICE) ? 2 : 1;
    await Promise.all(Array.from({ length: asking }, () => untilFinal(key, known)));
  };
  const loop = async (client: number): Promise<void> => {
    for (let number = 1; !stopped; number += 1) {
      await buy(`client-${client}-purchase-${number}`);
      await sleep(PAUSE_MS * chance.fraction());
    }
  };
  const loops = Array.from({ length: count }, (_, client) => loop(client));
  return {
    told,
    requests: () => requests,
    async stop() {
      stopped = true;
      await Promise.all(loops);
    },
    ask: (key) => untilFinal(key, told.get(key) ?? { status: 0, bodies: new Set() }),
  };
}

/** What the shop says of the moment is asked again; everything else is its final answer. */
function isFinal(status: number): boolean {
  return status < 500 && status !== 409 && status !== 429;
}

/** @returns undefined if there was no whole answer */
async function post(
  url: string,
  key: string,
): Promise<{ readonly status: number; readonly body: string } | undefined> {
  try {
    const response = await fetch(`${url}/checkout`, {
      method: "POST",
      signal: AbortSignal.timeout(REQUEST_MS),
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ cartId: key, amount: 1_999, currency: "eur" }),
    });
    return { status: response.status, body: await response.text() };
  } catch {
    return undefined;
  }
}
