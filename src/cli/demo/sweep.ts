import type { Sweep, SweepPage } from "../../core/inbox/sweep-list.ts";
import { isoTime } from "../../model/clock.ts";
import { type AuthenticEvent, UNSIGNED_FINGERPRINT } from "../../model/event.ts";
import type { Passed, SandboxClient } from "../../sandbox/client.ts";
import { isObject } from "../../sandbox/wire.ts";
import type { InboxStore } from "../../store/inbox.ts";
import { eventKey } from "../../webhooks/naming.ts";
import { evidenceOf, objectOf, SOURCE } from "./plain-events.ts";
import type { WebhookControl } from "./webhook-control.ts";

interface Listed {
  readonly id: string;
  readonly type: string;
  /** The charge or the refund. */
  readonly object: string;
  readonly createdAt: number;
}

/** A younger one is on its way still, and comes by webhook. */
const YOUNG_MS = 8_000;
/** The list of the provider ends after so many. */
const LIST_MAX = 1_000;

/**
 * Asks the provider for the events that never came. Its list has no bodies, so what an event tells
 * of is read where it is. The first sweep begins with the present.
 */
export function plainSweep(
  control: WebhookControl,
  provider: SandboxClient,
  inbox: InboxStore,
): Sweep {
  return {
    async *pages(cursor, { now }): AsyncGenerator<SweepPage> {
      const listed = readList(await control.events()) as readonly Listed[];
      const ripe = listed.filter(({ createdAt }) => createdAt <= now - YOUNG_MS);
      const covered = Math.max(Number(cursor ?? 0), ...ripe.map(({ createdAt }) => createdAt));
      if (cursor === undefined) {
        yield { events: [], cursor: String(covered) };
        return;
      }
      const since = ripe.filter(({ createdAt }) => createdAt > Number(cursor));
      const isWhole = listed.length < LIST_MAX || since.length < ripe.length;
      const known = await knownKeys(inbox);
      const missed = since.filter(({ id }) => !known.has(eventKey("id", id)));
      const events = missed.length === 0 ? [] : await readEvents(provider, missed);
      yield { events, ...(isWhole ? { cursor: String(covered) } : {}) };
    },
  };
}

async function knownKeys(inbox: InboxStore): Promise<ReadonlySet<string>> {
  const answer = await inbox.list({ source: SOURCE, limit: LIST_MAX });
  if (answer.kind !== "ok") throw answer.error;
  return new Set(answer.value.map(({ key }) => key));
}

async function readEvents(
  provider: SandboxClient,
  missed: readonly Listed[],
): Promise<AuthenticEvent[]> {
  const lists = await Promise.all([provider.charges(), provider.refunds()]);
  const made = lists.flatMap(readList).filter(isObject);
  return missed.flatMap(({ id, type, object: about, createdAt }) => {
    const data = made.find((one) => one["id"] === about);
    if (data === undefined) return [];
    const payload = { type, timestamp: isoTime(createdAt), data };
    const object = objectOf(payload);
    return {
      ...{ key: eventKey("id", id), type, payload, occurredAt: createdAt },
      ...{ fingerprint: UNSIGNED_FINGERPRINT, ...evidenceOf(payload) },
      ...(object === undefined ? {} : { object }),
    };
  });
}

/** @throws Error if the provider did not answer with its list */
function readList(passed: Passed): readonly unknown[] {
  const data = passed.kind === "answered" && isObject(passed.body) ? passed.body["data"] : null;
  if (!Array.isArray(data)) throw new Error("The provider's list cannot be read.");
  return data;
}
