import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import type { Charge } from "../../src/sandbox/wire.ts";

export const CHARGE = { amount: 1999, currency: "eur", metadata: { cartId: "c1" } };

/** A directory that goes with the test. */
export async function directoryOf(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-sandbox-"));
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function sandboxOf(context: TestContext): Promise<Sandbox & { file: string }> {
  const file = join(await directoryOf(context), "provider.db");
  const sandbox = await startSandbox({ file, port: 0 });
  context.after(() => sandbox.close());
  return { ...sandbox, file };
}

export function post(url: string, body: unknown, key?: string): Promise<Response> {
  const headers = key === undefined ? {} : { "idempotency-key": key };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(url, { method: "POST", headers, body: text });
}

export async function charges(url: string, query = ""): Promise<Charge[]> {
  const response = await fetch(`${url}/v1/charges?${query}`);
  assert.equal(response.status, 200);
  return ((await response.json()) as { data: Charge[] }).data;
}
