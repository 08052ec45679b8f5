import type { DatabaseSync } from "node:sqlite";
import { drawn, fractionOf } from "./chance.ts";
import type { FaultAim, FaultOrder } from "./faults.ts";
import { transact } from "./file.ts";

/** The faults to come, in the sandbox's file, so that a restart keeps them. */
export interface FaultRules<F> {
  order(order: FaultOrder): void;
  /** The fault of a call, taken off the list; one that is aimed at the call comes before others. */
  take(call: AimedCall): F | undefined;
  next(): readonly OrderedFault[];
  chances(): readonly ChanceRule[];
  clear(): void;
}

/** What a fault can be aimed at. */
export interface AimedCall {
  readonly provider: string;
  /** As the call and as the provider's route spell it. */
  readonly endpoints: readonly [string, string];
  /** A call that changes nothing is hit only by a fault that names its endpoint. */
  readonly changing: boolean;
}

export interface OrderedFault extends FaultAim {
  readonly fault: string;
}

export interface ChanceRule extends FaultAim {
  readonly faults: readonly string[];
  readonly probability: number;
  readonly seed: number;
  /** How many calls have drawn so far. */
  readonly drawn: number;
}

interface RuleRow {
  readonly position: number;
  readonly provider: string | null;
  readonly endpoint: string | null;
  readonly faults: string;
  readonly probability: number | null;
  readonly seed: number | null;
  readonly drawn: number;
}

/** Where the rules of one sort are kept, and what their names mean. */
export interface FaultShelf<F> {
  readonly table: "fault_rules" | "webhook_fault_rules";
  readonly read: (name: unknown) => F | undefined;
  /** The seed of an order that names none. */
  readonly anySeed: () => number;
}

const MATCHING = `
  WHERE coalesce(provider, :provider) = :provider
    AND (endpoint IN (:asked, :routed) OR (endpoint IS NULL AND :changing = 1))`;

export function openFaultRules<F>(db: DatabaseSync, shelf: FaultShelf<F>): FaultRules<F> {
  const { table, anySeed } = shelf;
  const insert = db.prepare(
    `INSERT INTO ${table} (provider, endpoint, faults, probability, seed) VALUES (?, ?, ?, ?, ?)`,
  );
  const any = db.prepare(`SELECT 1 FROM ${table} LIMIT 1`);
  const rows = (counted: boolean): RuleRow[] =>
    db
      .prepare(
        `SELECT * FROM ${table} WHERE (probability IS NULL) = ${counted ? 1 : 0}
         ORDER BY position`,
      )
      .all() as unknown as RuleRow[];
  return {
    order: (order) =>
      transact(db, () => {
        const aim = [order.provider ?? null, order.endpoint ?? null] as const;
        if ("next" in order) {
          for (const name of order.next) insert.run(...aim, JSON.stringify([name]), null, null);
          return;
        }
        const seed = order.seed ?? anySeed();
        insert.run(...aim, JSON.stringify(order.faults), order.probability, seed);
      }),
    // Most calls have no fault to come, and a look costs them less than a transaction.
    take: (call) => {
      if (any.get() === undefined) return undefined;
      const take = (): F | undefined => shelf.read(takeOne(db, table, call));
      return db.isTransaction ? take() : transact(db, take);
    },
    next: () => rows(true).map((row) => ({ fault: namesOf(row)[0] ?? "", ...aimOf(row) })),
    chances: () =>
      rows(false).map((row) => ({
        faults: namesOf(row),
        probability: row.probability ?? 0,
        seed: row.seed ?? 0,
        drawn: row.drawn,
        ...aimOf(row),
      })),
    clear: () => db.exec(`DELETE FROM ${table}`),
  };
}

type Table = FaultShelf<unknown>["table"];

function takeOne(db: DatabaseSync, table: Table, call: AimedCall): string | undefined {
  const parameters = {
    provider: call.provider,
    asked: call.endpoints[0],
    routed: call.endpoints[1],
    changing: call.changing ? 1 : 0,
  };
  const counted = db
    .prepare(
      `SELECT * FROM ${table} ${MATCHING} AND probability IS NULL
       ORDER BY endpoint IS NULL, provider IS NULL, position LIMIT 1`,
    )
    .get(parameters) as RuleRow | undefined;
  if (counted !== undefined) {
    db.prepare(`DELETE FROM ${table} WHERE position = ?`).run(counted.position);
    return namesOf(counted)[0];
  }
  const chances = db
    .prepare(`SELECT * FROM ${table} ${MATCHING} AND probability IS NOT NULL ORDER BY position`)
    .all(parameters) as unknown as RuleRow[];
  // Each rule draws for each call that it is aimed at, so that rules do not disturb one another.
  const drawings = chances.map((row) => draw(db, table, row));
  return drawings.find((name) => name !== undefined);
}

function draw(db: DatabaseSync, table: Table, row: RuleRow): string | undefined {
  db.prepare(`UPDATE ${table} SET drawn = drawn + 1 WHERE position = ?`).run(row.position);
  const seed = row.seed ?? 0;
  if (fractionOf(drawn(seed, "whether", row.drawn)) >= (row.probability ?? 0)) return undefined;
  const names = namesOf(row);
  return names[Math.floor(fractionOf(drawn(seed, "which", row.drawn)) * names.length)];
}

function namesOf(row: RuleRow): readonly string[] {
  return JSON.parse(row.faults) as string[];
}

function aimOf(row: RuleRow): FaultAim {
  return {
    ...(row.provider === null ? {} : { provider: row.provider }),
    ...(row.endpoint === null ? {} : { endpoint: row.endpoint }),
  };
}
