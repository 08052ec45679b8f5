import type { AuthenticEvent } from "../../model/event.ts";
import type { EventEnd, NewEvent, TakenEvent, WaitingEvent } from "../../store/inbox.ts";
import { type InboxPorts, report, toNewEvent } from "./accept.ts";
import { handlerOf, type InboxDefinition, objectOf } from "./declaration.ts";
import { toInboxEvent } from "./event.ts";
import { settleByEvent } from "./evidence.ts";
import { reportEnd } from "./report.ts";
import { type Batch, weighed, workOf } from "./work.ts";

/**
 * Takes an event in and handles it in one transaction.
 *
 * @returns false if nothing was committed, as far as is known: then the event is to be queued
 */
export async function acceptInline(
  ports: InboxPorts,
  definition: InboxDefinition,
  event: AuthenticEvent,
): Promise<boolean> {
  if (!fits(definition, event)) return false;
  if (!(await evidenceIsDone(ports, event))) return false;
  const taken = toNewEvent(ports, definition, event, "webhook");
  if (taken.state !== "waiting") return false;
  const answer = await ports.inbox.acceptHandled(taken, (tx, at) =>
    workOf(ports, batchOf(ports, definition, event, taken, at), tx),
  );
  if (answer.kind !== "ok") return false;
  if (answer.value.kind === "known") {
    report(ports, [taken], [answer.value.accepted]);
    return true;
  }
  if (answer.value.kind !== "committed") return false;
  const { number, value } = answer.value;
  report(ports, [taken], [{ number, isNew: true, conflict: false }]);
  tell(ports, taken, value);
  return true;
}

/** What is read at the provider is read outside of any transaction, so by a worker. */
function fits(definition: InboxDefinition, { type, hint, object }: AuthenticEvent): boolean {
  const declaration = objectOf(definition, object);
  if (hint === true || declaration?.read !== undefined) return false;
  return handlerOf(definition, type) !== undefined || declaration?.apply !== undefined;
}

async function evidenceIsDone(ports: InboxPorts, event: AuthenticEvent): Promise<boolean> {
  const { evidence, type } = event;
  if (evidence === undefined) return true;
  try {
    const end = await settleByEvent(ports, evidence, { type, hint: false });
    if (end === "settled") ports.wake();
    return end !== "held";
  } catch {
    // A worker will meet the same error, and tell of it.
    return false;
  }
}

function batchOf(
  ports: InboxPorts,
  definition: InboxDefinition,
  { object, occurredAt, payload }: AuthenticEvent,
  taken: NewEvent,
  { number, state }: TakenEvent,
): Batch {
  const { source, key, type, route, body } = taken;
  const now = ports.clock.wall();
  const event: WaitingEvent = {
    ...{ number, key, type, route, body, receivedAt: now, now, starts: 1, attempts: 0 },
  };
  const given = toInboxEvent(
    source,
    event,
    {
      payload,
      ...(object === undefined ? {} : { object }),
      ...(occurredAt === undefined ? {} : { occurredAt }),
    },
    undefined,
  );
  const claimed = { source, object: taken.object, fence: 0, state, events: [event] };
  const ready = [weighed(definition, state, event, given)];
  return { definition, claimed, ready, ends: [], keeps: false };
}

function tell(ports: InboxPorts, { source, type }: NewEvent, ends: readonly EventEnd[]): void {
  for (const end of ends) reportEnd(ports, source, () => type, end);
}
