import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type {
  Answer,
  DueRequest,
  ListFilter,
  OperationStore,
  PruneAnswer,
  PruneRequest,
} from "../../store.ts";
import { changed, guarded } from "./answers.ts";
import { arrayLiteral } from "./batch.ts";
import { idCell } from "./calls.ts";
import type { Cell, Row } from "./client.ts";
import type { Connections } from "./connection.ts";
import { toEvidences, toMessages, toSnapshots } from "./documents.ts";
import { lineage } from "./lineage.ts";
import { type Names, pruneStatements, readStatements } from "./statements.ts";

type Reads = Pick<
  OperationStore,
  "read" | "due" | "list" | "prune" | "messages" | "evidence" | "lineage" | "namespace"
>;

/** What looks at operations from outside of their runs. */
export function reads(db: Connections, names: Names, skew: { readonly ms: number }): Reads {
  const sql = readStatements(names);
  let remembers = false;
  const ask = <T>(
    text: string,
    cells: () => readonly Cell[],
    read: (rows: readonly Row[]) => T,
  ): Promise<Answer<T>> => guarded(async () => changed(await db.alone(text, cells()), read));
  return {
    read: (id) =>
      ask(
        sql.read,
        () => [String(skew.ms), idCell(id)],
        (rows) => toSnapshots(rows)[0],
      ),
    due: (request) => ask(sql.due, () => dueCells(request, skew.ms), toSnapshots),
    list: (filter) => ask(sql.list, () => listCells(filter, skew.ms), toSnapshots),
    messages: (id) => ask(sql.messages, () => [idCell(id)], toMessages),
    evidence: (id) => ask(sql.evidence, () => [idCell(id)], toEvidences),
    lineage: () => guarded(() => lineage(db, names, skew.ms)),
    async namespace(name) {
      const answer = await ask(
        sql.namespace,
        () => [name],
        (rows) => rows[0]?.[0] ?? "",
      );
      if (answer.kind !== "ok" || remembers) return answer;
      // Where nobody called `migrate`, this is the first that a failover can be compared with.
      const asked = await guarded(() => lineage(db, names, skew.ms));
      remembers = asked.kind === "ok";
      return answer;
    },
    prune: (request) => guarded(() => prune(db, names, skew.ms, request)),
  };
}

async function prune(
  db: Connections,
  names: Names,
  skewMs: number,
  request: PruneRequest,
): Promise<Answer<PruneAnswer>> {
  const time = await db.alone(readStatements(names).now, [String(skewMs)]);
  if (time.kind !== "ok") return time;
  const now = Number(time.value[0]?.[0]);
  if (Math.abs(now - request.wall) > CLOCK_MARGIN_MS)
    return { kind: "ok", value: { kind: "clocks-disagree", now } };
  const statements = pruneStatements(names);
  const tier = (text: string, ms: number): Promise<Answer<readonly Row[]>> =>
    db.wrapped(text, [String(skewMs), String(ms), String(request.limit)]);
  const responses = await tier(statements.responses, request.responseMs);
  if (responses.kind !== "ok") return responses;
  const { tombstoneMs } = request;
  const tombstones =
    tombstoneMs === undefined ? none : await tier(statements.tombstones, tombstoneMs);
  if (tombstones.kind !== "ok") return tombstones;
  const count = ({ value }: { value: readonly Row[] }): number => Number(value[0]?.[0] ?? 0);
  const pruned = { responses: count(responses), tombstones: count(tombstones) };
  return { kind: "ok", value: { kind: "pruned", ...pruned } };
}

const none: { kind: "ok"; value: readonly Row[] } = { kind: "ok", value: [] };

function dueCells({ definitions, limit }: DueRequest, skewMs: number): Cell[] {
  const list = (values: readonly (string | number)[]): string => arrayLiteral(values.map(String));
  return [
    String(skewMs),
    list(definitions.map(({ name }) => name)),
    list(definitions.map(({ version }) => version)),
    String(limit),
  ];
}

function listCells({ state, name, scope, after, limit }: ListFilter, skewMs: number): Cell[] {
  return [
    ...[String(skewMs), state ?? null, name ?? null, scope ?? null],
    ...[after === undefined ? null : String(after.createdAt), after?.id ?? null, String(limit)],
  ];
}
