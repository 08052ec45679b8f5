import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A demo that runs as a user starts it, in a process of its own. */
export interface Demo {
  readonly url: string;
  readonly sandboxUrl: string;
  readonly process: ChildProcess;
  /** Tells it to end and waits. @returns the exit code */
  stop(): Promise<number | null>;
}

/** Starts `npm start`'s command on any free port. */
export async function startDemo(directory: string, args: readonly string[] = []): Promise<Demo> {
  const command = ["scripts/run.mjs", "src/cli/main.ts", "demo", "--port", "0", ...args];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, NEVERTWICE_DEMO_DIR: directory, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  child.stderr.on("data", (chunk) => {
    printed += chunk;
  });
  const [url, sandboxUrl] = await new Promise<[string, string]>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`The demo ended with ${code}:\n${printed}`)));
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      const found = /Shop\s+(http:\S+)[\s\S]*Provider\s+(http:\S+)/.exec(printed);
      if (found?.[1] && found[2]) resolve([found[1], found[2]]);
    });
  });
  return {
    url,
    sandboxUrl,
    process: child,
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      child.kill("SIGTERM");
      const [code] = (await once(child, "exit")) as [number | null];
      return code;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly replayed: boolean;
}

/** Posts JSON; status 0 if the server went away meanwhile. */
export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const replayed = response.headers.get("idempotent-replayed") === "true";
    return { status: response.status, text: await response.text(), replayed };
  } catch {
    return { status: 0, text: "", replayed: false };
  }
}

/** A checkout as a careful client sends it: the same key again until there is an outcome. */
export async function buy(shop: string, key: string, purchase: object = PURCHASE): Promise<Answer> {
  for (let tries = 0; tries < 60; tries += 1) {
    const answer = await post(`${shop}/checkout`, purchase, { "idempotency-key": key });
    if (answer.status !== 0 && answer.status !== 409 && answer.status < 500) return answer;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`The key ${key} got no outcome.`);
}

export const PURCHASE = { cartId: "c1", amount: 1999, currency: "eur" };

/** The rows of one of the shop's lists. */
export async function rows(url: string): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(url);
  return ((await response.json()) as { data: Record<string, unknown>[] }).data;
}
