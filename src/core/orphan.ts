import { decodeJson } from "../model/json.ts";
import { digest } from "../model/key.ts";
import type { OperationRecord } from "../model/operation.ts";
import { fail, ok } from "../model/outcome.ts";
import type { Definition, Handler } from "./definition.ts";
import type { Op } from "./op.ts";
import { perform } from "./operation.ts";
import type { Orphan, Ports } from "./ports.ts";

/** What an orphan's compensation is given; stored as its input. */
interface OrphanInput {
  readonly step: string;
  readonly value: unknown;
}

/**
 * The operation that takes back an effect which turned out to have happened although its operation
 * had failed: with a key of its own, so that telling of it twice takes it back once.
 */
export function orphanDefinition(definition: Definition): Definition {
  const handler = async (op: Op<unknown, "async">, { step, value }: OrphanInput) => {
    const compensation = definition.compensations[step];
    if (compensation === undefined) return fail({ error: `"${step}" has no compensation.` });
    const result = await op.external("compensate", compensation(value as never));
    return result.declined ? fail({ decline: result.decline }) : ok({ compensated: true });
  };
  return {
    ...definition,
    name: orphansOf(definition.name),
    version: 1,
    form: "resumable",
    aliases: definition.aliases.map(orphansOf),
    input: undefined,
    fields: undefined,
    redact: [],
    handler: handler as unknown as Handler,
    previous: new Map(),
    compensations: {},
  };
}

function orphansOf(name: string): string {
  return `${name}.orphan`;
}

/** Starts the declared compensation of an orphan effect; without one, a person was alarmed. */
export async function compensateOrphan(
  ports: Ports,
  definition: Definition,
  record: OperationRecord,
  orphan: Orphan,
): Promise<void> {
  const { request } = record;
  if (request === undefined || !Object.hasOwn(definition.compensations, orphan.step)) return;
  // A provider's reference may be longer than a key, or hold characters that no key has.
  const effect = digest(orphan.step, orphan.reference ?? "").toString("hex");
  await perform(ports, orphanDefinition(definition), {
    origin: "own",
    scope: request.scope,
    key: `orphan:${record.id}:${effect}`,
    input: { step: orphan.step, value: decodeJson(orphan.value) },
    waitMs: 0,
    timeless: true,
  });
}
