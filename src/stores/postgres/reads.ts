import type { StepName } from "../../model/step.ts";
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
import { pruneTiers } from "./keeping.ts";
import { lineage } from "./lineage.ts";
import { type Names, pruneStatements, readStatements } from "./statements.ts";

type Reads = Pick<
  OperationStore,
  "read" | "due" | "list" | "prune" | "messages" | "evidence" | "stepOf" | "lineage" | "namespace"
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
    stepOf: (mark) =>
      "providerKey" in mark
        ? ask(sql.keyed, () => [mark.providerKey], toStepName)
        : ask(sql.adopted, () => [mark.provider, mark.kind, mark.reference], toStepName),
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
  const { responseMs, tombstoneMs } = request;
  const sql = pruneStatements(names);
  const tiers = [{ sql: sql.responses, ms: responseMs }];
  if (tombstoneMs !== undefined) tiers.push({ sql: sql.tombstones, ms: tombstoneMs });
  return changed(await pruneTiers(db, names, skewMs, request, tiers), (said) => {
    if ("kind" in said) return said;
    const [responses = 0, tombstones = 0] = said;
    return { kind: "pruned", responses, tombstones };
  });
}

function toStepName([row]: readonly Row[]): StepName | undefined {
  const [id, step] = row ?? [];
  return typeof id === "string" && typeof step === "string" ? { id, step } : undefined;
}

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
