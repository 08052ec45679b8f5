import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { canonicalJson } from "../model/json.ts";
import type { Answer, Call, KeptAnswer, KeyRules, Refusal } from "./provider.ts";

/** A key, and where and how it counts. */
export interface KeyPlace {
  readonly provider: string;
  readonly account: string;
  readonly space: string;
  readonly key: string;
}

/** The key that a request carries; a text that is none, such as a number, counts as malformed. */
export function readKey(
  rules: KeyRules,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): { readonly key: string | undefined } | { readonly refusal: Refusal } {
  const carried =
    "header" in rules.carrier ? headers[rules.carrier.header] : at(body, rules.carrier.body);
  if (carried === undefined || carried === null)
    return rules.required ? { refusal: "key-missing" } : { key: undefined };
  if (typeof carried !== "string") return { refusal: "key-malformed" };
  const { length } = carried;
  const fits = length >= rules.minLength && length <= rules.maxLength;
  if (!fits || rules.pattern?.test(carried) === false) return { refusal: "key-malformed" };
  return { key: carried };
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}

export function endpointOf(call: Pick<Call, "method" | "path">): string {
  return `${call.method} ${call.path}`;
}

export function keyPlace(provider: string, rules: KeyRules, call: Call): KeyPlace | undefined {
  if (call.key === undefined) return undefined;
  const space = rules.space === "endpoint" ? endpointOf(call) : "";
  return { provider, account: call.account, space, key: call.key };
}

/** One digest for one meaning of the body, however it was spelt. */
function fingerprintOf(call: Call): string {
  const sha = createHash("sha256");
  try {
    return sha.update(canonicalJson(call.body)).digest("hex");
  } catch {
    // Text that is no Unicode has no canonical form; as it was sent, it still equals itself.
    return sha.update(JSON.stringify(call.body)).digest("hex");
  }
}

export interface Recalled {
  readonly kept: KeptAnswer;
  /** Whether endpoint and parameters are those of the first request. */
  readonly same: boolean;
}

interface KeptRow extends Omit<KeptAnswer, "headers" | "text" | "requestId" | "keptAt" | "made"> {
  readonly body: string;
  readonly headers: string;
  readonly made: string | null;
  readonly fingerprint: string;
  readonly request_id: string;
  readonly kept_at: number;
}

const PLACE = "provider = ? AND account = ? AND space = ? AND idempotency_key = ?";

/** What stands under a key, unless it was forgotten meanwhile. */
export function recall(
  db: DatabaseSync,
  place: KeyPlace,
  call: Call,
  time: { readonly now: number; readonly retentionMs: number },
): Recalled | undefined {
  const names = [place.provider, place.account, place.space, place.key];
  const row = db.prepare(`SELECT * FROM kept_answers WHERE ${PLACE}`).get(...names) as
    | KeptRow
    | undefined;
  if (row === undefined) return undefined;
  if (time.now - row.kept_at >= time.retentionMs) {
    db.prepare(`DELETE FROM kept_answers WHERE ${PLACE}`).run(...names);
    return undefined;
  }
  const kept: KeptAnswer = {
    status: row.status,
    text: row.body,
    headers: JSON.parse(row.headers) as Record<string, string>,
    made: row.made ?? undefined,
    endpoint: row.endpoint,
    requestId: row.request_id,
    keptAt: row.kept_at,
  };
  const same = row.endpoint === endpointOf(call) && row.fingerprint === fingerprintOf(call);
  return { kept, same };
}

/** Whether an answer stays under its key. */
export function keeps(rules: KeyRules, answer: Answer): boolean {
  if (answer.refused) return false;
  switch (rules.keeps) {
    case "everything":
      return true;
    case "definite":
      return answer.status < 500;
    case "successes":
      return answer.status >= 200 && answer.status < 300;
    case "made":
      return answer.made !== undefined;
  }
}

export function keep(
  db: DatabaseSync,
  place: KeyPlace,
  call: Call,
  answer: Answer,
  now: number,
): void {
  db.prepare(
    `INSERT INTO kept_answers (provider, account, space, idempotency_key, endpoint, fingerprint,
       request_id, status, headers, body, made, kept_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    place.provider,
    place.account,
    place.space,
    place.key,
    endpointOf(call),
    fingerprintOf(call),
    call.requestId,
    answer.status,
    JSON.stringify(answer.headers ?? {}),
    textOf(answer),
    answer.made ?? null,
    now,
  );
}

/** The bytes of an answer as text; empty for one without a body. */
export function textOf(answer: Answer): string {
  return answer.body === undefined ? "" : JSON.stringify(answer.body);
}
