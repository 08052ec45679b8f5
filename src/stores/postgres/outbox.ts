import type {
  ClaimedMessage,
  MessageEnd,
  MessageFilter,
  MessageHolder,
  MessageRecord,
  MessageRuling,
  OutboxStore,
} from "../../store/outbox.ts";
import { boundedDetail } from "../evidence.ts";
import { changed, guarded } from "./answers.ts";
import { arrayLiteral, batches } from "./batch.ts";
import { number } from "./calls.ts";
import type { Cell, Row } from "./client.ts";
import type { Connections } from "./connection.ts";
import { numbersCell, rulingCells } from "./inbox-calls.ts";
import { asked, pruneTiers, rulings, toBytes, toList, toObjects } from "./keeping.ts";
import { listMessages, pruneMessages } from "./keeping-statements.ts";
import { type Call, callOne } from "./signatures.ts";
import type { Names } from "./statements.ts";

/** The contract of what goes out. */
export function outbox(db: Connections, names: Names, skew: { readonly ms: number }): OutboxStore {
  const call = batches(names, db);
  return {
    claim: ({ topics, leaseMs, limit }) =>
      asked(
        db,
        callOne(names, "claim_messages"),
        () => [arrayLiteral(topics), String(leaseMs), String(limit), String(skew.ms)],
        toClaimed,
      ),
    end: (holder, end) =>
      guarded(async () =>
        changed(await call(endCall(holder, end, skew.ms)), (text) =>
          text === "done" ? "done" : "stale",
        ),
      ),
    list: (filter) =>
      asked(
        db,
        listMessages(names, filter.state),
        () => filterCells(filter),
        (rows) => toObjects(rows) as MessageRecord[],
      ),
    settle: (ruling) =>
      asked(
        db,
        callOne(names, "settle_messages"),
        () => settleCells(ruling, skew.ms),
        (rows) => toList(rows) as number[],
      ),
    rulings: (limit) => rulings(db, names, "outbox.", limit),
    prune: (request) =>
      guarded(async () => {
        const tiers = [{ sql: pruneMessages(names), ms: request.sentMs }];
        return changed(await pruneTiers(db, names, skew.ms, request, tiers), (said) => {
          if ("kind" in said) return said;
          const [messages = 0] = said;
          return { kind: "pruned", messages };
        });
      }),
  };
}

function endCall({ number: id, fence }: MessageHolder, end: MessageEnd, skewMs: number): Call {
  const due = end.kind === "waiting" ? String(end.dueInMs) : null;
  const doubted = end.kind === "in_doubt" || (end.kind === "waiting" && end.doubted);
  const [reference = null, error] =
    end.kind === "sent" ? [end.reference, undefined] : [undefined, end.error];
  return {
    name: "end_message",
    values: [
      ...[String(id), String(fence), end.kind, due, String(doubted), reference],
      ...[boundedDetail(error) ?? null, String(skewMs)],
    ],
  };
}

function filterCells({ numbers, topic, after, limit }: MessageFilter): Cell[] {
  return [numbersCell(numbers), topic ?? null, number(after), String(limit)];
}

function settleCells(ruling: MessageRuling, skewMs: number): Cell[] {
  const { numbers, topic, state, after, limit } = ruling.filter;
  return [
    ...[ruling.to, numbersCell(numbers), topic ?? null, state ?? null, number(after)],
    ...[String(limit), ...rulingCells(ruling), String(skewMs)],
  ];
}

function toClaimed(rows: readonly Row[]): ClaimedMessage[] {
  type Claimed = Omit<ClaimedMessage, "payload"> & { readonly payload: string | undefined };
  return (toList(rows) as Claimed[]).map((message) => ({
    ...message,
    payload: toBytes(message.payload),
  }));
}
