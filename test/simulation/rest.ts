import { isFinal, type OperationRecord } from "../../src/model/operation.ts";
import type { EventRecord } from "../../src/store/inbox.ts";
import type { MessageRecord } from "../../src/store/outbox.ts";
import type { Remains } from "./history.ts";
import { hearsEvents } from "./webhook.ts";
import type { World } from "./world.ts";

const LIST_MAX = 100;
/** Longer than a process holds what an event is about. */
const HOLD_MS = 75_000;

/** When workers may go on with what has not ended. */
export async function openTimes(world: World): Promise<number[]> {
  return [
    ...(await records(world)).flatMap((record) => readyTime(record) ?? []),
    ...(await eventTimes(world)),
    ...(await messageTimes(world)),
  ];
}

/** When a worker may take the record over; undefined if it has ended or waits for its client. */
function readyTime(record: OperationRecord | undefined): number | undefined {
  if (record === undefined || isFinal(record.state)) return undefined;
  const { form, name, state, leaseUntil = 0, runUntil = 0, dueAt } = record;
  if (form === "opaque" && (name === "opaque-rerun" || state === "waiting")) return undefined;
  return state === "running" ? Math.min(leaseUntil, runUntil) : dueAt;
}

/** When a worker may take up the events that wait; a dead process may hold what they are about. */
async function eventTimes({ plan, raw, scheduler }: World): Promise<number[]> {
  if (!hearsEvents(plan)) return [];
  const now = scheduler.now();
  return (await keptEvents(raw))
    .filter(({ state }) => state === "waiting")
    .map(({ dueAt = now }) => (dueAt > now ? dueAt : now + HOLD_MS));
}

export async function keptEvents(raw: World["raw"]): Promise<readonly EventRecord[]> {
  const kept = await raw.inbox.list({ limit: LIST_MAX });
  if (kept.kind !== "ok") throw new Error("Memory cannot be read.");
  return kept.value;
}

/** When a worker may send what waits, or what a dead process was sending. */
async function messageTimes({ plan, raw }: World): Promise<number[]> {
  if (plan.receiver === undefined) return [];
  return (await keptMessages(raw)).flatMap(({ dueAt }) => dueAt ?? []);
}

export async function keptMessages(raw: World["raw"]): Promise<readonly MessageRecord[]> {
  const kept = await raw.outbox.list({ limit: LIST_MAX });
  if (kept.kind !== "ok") throw new Error("Memory cannot be read.");
  return kept.value;
}

/** The record of each planned operation, in their order. */
export async function records({ raw, ids }: World): Promise<(OperationRecord | undefined)[]> {
  const found = [];
  for (const id of ids) {
    const read = await raw.read(id);
    if (read.kind !== "ok") throw new Error("Memory cannot be read.");
    found.push(read.value?.record);
  }
  return found;
}

export async function remains(world: World): Promise<Remains[]> {
  const { raw, plan, ids } = world;
  const found = await records(world);
  const left = [];
  for (const [index, id] of ids.entries()) {
    const messages = await raw.messages(id);
    if (messages.kind !== "ok") throw new Error("Memory cannot be read.");
    const { label = "" } = plan.operations[index] ?? {};
    left.push({ label, id, record: found[index], messages: messages.value });
  }
  return left;
}
