import type { ClaimedObject, EventEnd, HandleAnswer } from "../../store/inbox.ts";
import type { Answer } from "../../store.ts";
import type { InboxPorts } from "./accept.ts";
import type { InboxDefinition } from "./declaration.ts";
import { endOfError, putOff } from "./failure.ts";
import { reportEnd } from "./report.ts";
import { type Batch, markAfter, type Ready, weighed, workOf } from "./work.ts";

/**
 * Runs the handlers of all events in one transaction with their ends. If one throws, each gets a
 * transaction of its own, so that the others do not fail with it.
 */
export async function commitEvents(
  ports: InboxPorts,
  definition: InboxDefinition,
  claimed: ClaimedObject,
  ready: readonly Ready[],
  ends: readonly EventEnd[],
): Promise<readonly EventEnd[]> {
  if (ready.length === 0) return release(ports, claimed, ends);
  const whole: Batch = { definition, claimed, ready, ends, keeps: false };
  const answer = await handle(ports, whole);
  if (answer.kind === "ok" && answer.value.kind === "committed")
    return told(ports, claimed, answer.value.value);
  if (answer.kind === "ok" && answer.value.kind === "threw")
    return ready.length === 1
      ? release(ports, claimed, [...ends, failed(ports, definition, ready[0], answer.value.error)])
      : oneByOne(ports, whole);
  return unanswered(ports, claimed, ready, ends, answer);
}

async function oneByOne(ports: InboxPorts, whole: Batch): Promise<readonly EventEnd[]> {
  const { definition, ready } = whole;
  let { claimed } = whole;
  const ends = [...whole.ends];
  const done: EventEnd[] = [];
  for (const [index, weighedBefore] of ready.entries()) {
    // What came before it may have failed, and then it is behind nothing.
    const { event, given } = weighedBefore;
    let one: Ready;
    try {
      one = weighed(definition, claimed.state, event, given);
    } catch (error) {
      ends.push(failed(ports, definition, weighedBefore, error));
      continue;
    }
    const answer = await handle(ports, {
      ...{ definition, claimed, keeps: true },
      ...{ ready: [one], ends: [] },
    });
    if (answer.kind !== "ok" || answer.value.kind === "stale") {
      const left = ready.slice(index);
      return [...done, ...(await unanswered(ports, claimed, left, ends, answer))];
    }
    if (answer.value.kind === "committed") {
      done.push(...told(ports, claimed, answer.value.value));
      claimed = { ...claimed, state: markAfter(claimed.state, one) };
    } else {
      ends.push(failed(ports, definition, one, answer.value.error));
    }
  }
  return [...done, ...(await release(ports, claimed, ends))];
}

/**
 * Nothing is known to be committed. To give the claim back is safe all the same: what was committed
 * is no longer waiting, and what is still on its way finds its claim gone.
 */
async function unanswered(
  ports: InboxPorts,
  claimed: ClaimedObject,
  ready: readonly Ready[],
  ends: readonly EventEnd[],
  answer: Answer<unknown>,
): Promise<readonly EventEnd[]> {
  if (answer.kind === "ok") return [];
  ports.events.emit({ type: "inbox.failed", source: claimed.source, error: answer.error });
  return release(ports, claimed, [...ends, ...ready.map(({ event }) => putOff(event, 1_000))]);
}

async function release(
  ports: InboxPorts,
  claimed: ClaimedObject,
  ends: readonly EventEnd[],
): Promise<readonly EventEnd[]> {
  const answer = await ports.inbox.release(claimed, ends);
  return answer.kind === "ok" && answer.value === "done" ? told(ports, claimed, ends) : [];
}

function told(
  ports: InboxPorts,
  claimed: ClaimedObject,
  ends: readonly EventEnd[],
): readonly EventEnd[] {
  const typeOf = (number: number): string =>
    claimed.events.find((event) => event.number === number)?.type ?? "";
  for (const end of ends) reportEnd(ports, claimed.source, typeOf, end);
  return ends;
}

function failed(
  ports: InboxPorts,
  { retryForMs }: InboxDefinition,
  one: Ready | undefined,
  error: unknown,
): EventEnd {
  if (one === undefined) throw error;
  return endOfError(one.event, error, ports, retryForMs);
}

function handle(
  ports: InboxPorts,
  batch: Batch,
): Promise<Answer<HandleAnswer<readonly EventEnd[]>>> {
  return ports.inbox.handle(batch.claimed, (tx) => workOf(ports, batch, tx));
}
