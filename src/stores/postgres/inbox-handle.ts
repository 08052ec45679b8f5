import type {
  Accepted,
  AcceptHandledAnswer,
  AcceptRequest,
  EventWork,
  HandleAnswer,
  NewEvent,
  ObjectHolder,
  TakenEvent,
} from "../../store/inbox.ts";
import type { Answer, MaybePromise } from "../../store.ts";
import { PROOF } from "./client.ts";
import { settings } from "./connection.ts";
import { endEventsCall, enterEventCall, enterObjectCall, finishEventCall } from "./inbox-calls.ts";
import { type Call, inline, quoted } from "./signatures.ts";
import { begun, type Context, finish, giveUp, run, toAnswer } from "./transaction.ts";

/** The user's statements, the ends of events, the object's state and messages, all or none. */
export function handle<Tx, T>(
  context: Context<Tx>,
  holder: ObjectHolder,
  work: (tx: Tx) => MaybePromise<EventWork<T>>,
): Promise<Answer<HandleAnswer<T>>> {
  const { skew, pool } = context;
  const first = entering(context, enterObjectCall(holder, skew.ms));
  return begun(context, first, async (session, { transactionId, row }) => {
    if (row[0] !== "entered") {
      await pool.abandon(session);
      return row[0] === "stale" ? { kind: "ok", value: { kind: "stale" } } : taken();
    }
    const ended = await run(context, session, work, (done) => ({
      call: endEventsCall(holder, done, skew.ms),
      value: done.value,
    }));
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { call, value } = ended.value;
    const last = demanding(context, call, transactionId);
    const finished = await finish(context, session, last, transactionId);
    if (finished.kind === "done") return { kind: "ok", value: { kind: "committed", value } };
    if (finished.kind === "refused") return { kind: "ok", value: { kind: "stale" } };
    return toAnswer(finished);
  });
}

interface Entered {
  readonly kind: "entered" | "known" | "busy";
  readonly number: number;
  readonly state: string | null;
  readonly fence: number;
}

/**
 * The event, its end, the user's statements, the object's state and messages in one transaction.
 *
 * @param accept counts the delivery of an event that is known
 */
export async function acceptHandled<Tx, T>(
  context: Context<Tx>,
  accept: (request: AcceptRequest) => Promise<Answer<readonly Accepted[] | "stale">>,
  event: NewEvent,
  work: (tx: Tx, taken: TakenEvent) => MaybePromise<EventWork<T>>,
): Promise<Answer<AcceptHandledAnswer<T>>> {
  const { skew, pool } = context;
  const first = entering(context, enterEventCall(event, skew.ms));
  type Handled = Exclude<AcceptHandledAnswer<T>, { kind: "known" }> | { readonly kind: "known" };
  const answer = await begun<Tx, Handled>(context, first, async (session, begin) => {
    const entered = JSON.parse(begin.row[0] ?? "") as Entered;
    if (entered.kind !== "entered") {
      await pool.abandon(session);
      return { kind: "ok", value: { kind: entered.kind } };
    }
    const { number, fence, state } = entered;
    const start = (tx: Tx): MaybePromise<EventWork<T>> =>
      work(tx, { number, state: state ?? undefined });
    const ended = await run(context, session, start, (done) => ({
      call: finishEventCall(event, { number, fence }, done, skew.ms),
      value: done.value,
    }));
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { call, value } = ended.value;
    const last = demanding(context, call, begin.transactionId);
    const finished = await finish(context, session, last, begin.transactionId);
    if (finished.kind === "done")
      return { kind: "ok", value: { kind: "committed", value, number } };
    if (finished.kind !== "refused") return toAnswer(finished);
    const reason: string = finished.reason;
    return { kind: "ok", value: { kind: reason === "known" ? "known" : "busy" } };
  });
  if (answer.kind !== "ok" || answer.value.kind !== "known") return answer as Answer<never>;
  const counted = await accept({ events: [event] });
  if (counted.kind !== "ok") return counted;
  const [accepted] = counted.value === "stale" ? [] : counted.value;
  if (accepted === undefined) return taken();
  return { kind: "ok", value: { kind: "known", accepted } };
}

/** The settings of the transaction and the first call, in the round trip of the BEGIN. */
function entering<Tx>({ pool, names }: Context<Tx>, call: Call): string {
  return `${settings(pool.patience)}; SELECT ${inline(names, call)}, pg_current_xact_id()::text`;
}

/** The last write; it raises unless it was done in the transaction that was begun for it. */
function demanding<Tx>({ names }: Context<Tx>, call: Call, transactionId: string): string {
  return `SELECT ${names.of("demand")}(${inline(names, call)}, ${quoted(transactionId)}), ${PROOF}`;
}

function taken(): Answer<never> {
  const error = new Error("Another transaction is at this object.");
  return { kind: "not-applied", error, again: true };
}
