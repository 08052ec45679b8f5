import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { directoryOf } from "./sandbox.ts";

const COMMAND = ["--conditions=source", "src/cli/main.ts", "sandbox"];

interface Command {
  readonly url: string;
  readonly printed: () => string;
  /** @returns the exit code */
  end(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

async function start(context: TestContext, file: string): Promise<Command> {
  const child = spawn(process.execPath, [...COMMAND, "--port", "0", "--file", file, "--seed", "7"]);
  context.after(() => child.kill("SIGKILL"));
  let printed = "";
  child.stderr.on("data", (chunk) => {
    printed += chunk;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once("exit", () => reject(new Error(printed)));
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      const [, found] = /Sandbox\s+(http:\S+)[\s\S]*advanceMs/.exec(printed) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    url,
    printed: () => printed,
    end: async (signal) => {
      const ended = once(child, "exit");
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

/** A charge as a program in any language sends it. */
async function charge(url: string, key: string): Promise<string> {
  const response = await fetch(`${url}/v1/charges`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from("sk_test_shop:").toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
      "idempotency-key": key,
    },
    body: "amount=500&currency=eur&source=tok_visa&metadata[order]=7",
  });
  assert.equal(response.status, 200);
  return await response.text();
}

test("the command says what it speaks, ends when told to, and its file remembers", async (context) => {
  const file = join(await directoryOf(context), "deep", "sandbox.db");
  const first = await start(context, file);
  for (const told of [
    "Stripe",
    'host: "127.0.0.1"',
    "/sandbox/faults",
    "timeout-after",
    "late:<ms>",
  ])
    assert.ok(first.printed().includes(told), told);
  const answer = await charge(first.url, "k1");
  assert.deepEqual((JSON.parse(answer) as { metadata: unknown }).metadata, { order: "7" });
  await first.end("SIGKILL");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const again = await start(context, file);
    assert.equal(await charge(again.url, "k1"), answer);
    assert.equal(await again.end(signal), 0);
  }
});

test("wrong words are refused with a sentence", () => {
  for (const [flag, value] of [
    ["--port", "70000"],
    ["--port", "x"],
    ["--seed", "1.5"],
    ["--seed", "-1"],
    ["--retention", "soon"],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [...COMMAND, `${flag}=${value}`], {
      encoding: "utf8",
    });
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`${flag} (?:must be|is)`));
  }
});
