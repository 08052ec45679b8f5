import { isoTime } from "../model/clock.ts";
import type { RulingRecord } from "../store/ruling.ts";
import type { Answer } from "../store.ts";
import { expectOk } from "./exit.ts";
import { parseLimit } from "./flags.ts";
import { columns, harmless, type Output } from "./output.ts";

export interface LogFlags {
  readonly limit: string;
}

/** An order as the command that gave it calls it. */
const ORDERS: Readonly<Record<string, string>> = {
  "inbox.redeliver": "redeliver",
  "outbox.sent": "settle --sent",
  "outbox.waiting": "settle --again",
};

/** `nevertwice inbox log` and `nevertwice outbox log`: what persons ordered, newest first. */
export async function logRulings(
  { rulings }: { rulings(limit: number): Promise<Answer<readonly RulingRecord[]>> },
  flags: LogFlags,
  output: Output,
): Promise<void> {
  const found = expectOk(await rulings(parseLimit(flags.limit)));
  if (output.json)
    return output.document(found.map((ruling) => ({ ...ruling, filter: parsed(ruling.filter) })));
  if (found.length === 0) return output.line("Nobody has ordered anything here.");
  const [heading = "", ...lines] = columns([
    ["when", "by", "order", "rows", "filter", "reason"],
    ...found.map(({ at, by, action, dryRun, count, filter, reason }) => [
      isoTime(at),
      harmless(by),
      `${ORDERS[action] ?? harmless(action)}${dryRun ? " (dry run)" : ""}`,
      String(count),
      filterText(filter),
      harmless(reason),
    ]),
  ]);
  output.line(output.paint(heading, "dim"));
  for (const line of lines) output.line(line);
}

function parsed(filter: string): unknown {
  try {
    return JSON.parse(filter);
  } catch {
    return filter;
  }
}

/** Such as `state=dead limit=100`. */
function filterText(filter: string): string {
  const known = parsed(filter);
  if (typeof known !== "object" || known === null) return harmless(filter);
  const parts = Object.entries(known).map(([name, value]) => `${name}=${String(value)}`);
  return harmless(parts.join(" "));
}
