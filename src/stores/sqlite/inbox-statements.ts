import { PRUNABLE } from "./schema-inbox.ts";

/** The statements about events that come in; `@now` is the database's time at the call. */
export interface InboxStatements {
  readonly knownEvent: string;
  readonly nextNumber: string;
  readonly takeEvent: string;
  readonly takeBody: string;
  readonly takeAlias: string;
  readonly aliasOwner: string;
  readonly changeOwner: string;
  readonly takeChange: string;
  readonly deliver: string;
  readonly conflict: string;
  readonly wait: string;
  readonly dueObject: string;
  readonly cursor: string;
  readonly moveCursor: string;
  readonly dueObjects: string;
  readonly fences: string;
  readonly claimObject: string;
  readonly dueEvents: string;
  readonly start: string;
  readonly heldObject: string;
  readonly objectOf: string;
  readonly waits: string;
  readonly forgetWork: string;
  readonly endEvent: string;
  readonly putOff: string;
  readonly countAttempt: string;
  readonly keepState: string;
  readonly giveBack: string;
  readonly forgetObject: string;
  readonly arriveObjects: string;
  readonly arrive: string;
  readonly redeliver: string;
  readonly readEvent: string;
  readonly events: string;
  readonly eventsNumbered: string;
  readonly eventsWaiting: string;
  readonly eventsDead: string;
  readonly eventsAbout: string;
  readonly sourceCounts: string;
  readonly prunableBodies: string;
  readonly pruneBody: string;
  readonly markPruned: string;
  readonly prunableKeys: string;
  readonly forgetAliases: string;
  readonly forgetChange: string;
  readonly forgetEvent: string;
}

export function inboxStatements(prefix: string): InboxStatements {
  return {
    ...accepting(prefix),
    ...claiming(prefix),
    ...ending(prefix),
    ...reading(prefix),
    ...pruning(prefix),
  };
}

function accepting(p: string) {
  return {
    knownEvent: `SELECT number, (fingerprint = @fingerprint OR length(fingerprint) = 1
  OR length(@fingerprint) = 1) AS same FROM ${p}inbox
WHERE source = @source AND key = @key`,
    // The number that the next insert of this transaction gives. Temporary tables of the user's may
    // have a sequence table of their own, which a plain name would mean.
    nextNumber: `SELECT coalesce((SELECT seq FROM main.sqlite_sequence
  WHERE name = '${p}inbox'), 0) + 1 AS number`,
    takeEvent: `INSERT INTO ${p}inbox (source, key, fingerprint, type, object, route, state,
  received_at, ended_at)
VALUES (@source, @key, @fingerprint, @type, @object, @route, @state, @now,
  CASE @state WHEN 'waiting' THEN NULL ELSE @now END)
RETURNING number`,
    takeBody: `INSERT INTO ${p}inbox_body (number, body) VALUES (@number, @body)`,
    takeAlias: `INSERT INTO ${p}inbox_alias (source, alias, number)
VALUES (@source, @alias, @number)
ON CONFLICT (source, alias) DO NOTHING`,
    aliasOwner: `SELECT number FROM ${p}inbox_alias WHERE source = @source AND alias = @alias`,
    changeOwner: `SELECT number FROM ${p}inbox_change WHERE source = @source AND change = @change`,
    takeChange: `INSERT INTO ${p}inbox_change (source, change, number)
VALUES (@source, @change, @number)`,
    deliver: `UPDATE ${p}inbox SET deliveries = deliveries + 1, conflicts = conflicts + @conflict
WHERE number = @number`,
    conflict: `UPDATE ${p}inbox SET conflicts = conflicts + 1 WHERE number = @number`,
    wait: `INSERT INTO ${p}inbox_work (number, object, due_at)
VALUES (@number, @objectNumber, @now)`,
    dueObject: `INSERT INTO ${p}inbox_object (source, object, due_at)
VALUES (@source, @object, @now)
ON CONFLICT (source, object) DO UPDATE SET due_at = min(coalesce(due_at, @now), @now)
RETURNING number`,
    cursor: `SELECT place FROM ${p}cursor WHERE source = @source`,
    moveCursor: `INSERT INTO ${p}cursor (source, place, moved_at) VALUES (@source, @to, @now)
ON CONFLICT (source) DO UPDATE SET place = excluded.place, moved_at = excluded.moved_at`,
  };
}

function claiming(p: string) {
  return {
    // By the order of its index; the held ones that are read past are as many as the workers.
    dueObjects: `SELECT number, object, state, due_at
FROM ${p}inbox_object INDEXED BY ${p}inbox_object_due
WHERE source = @source AND due_at <= @now AND coalesce(held_until, @now) <= @now
ORDER BY due_at, number LIMIT @limit`,
    // An object whose row went and came again must not see an old fence anew.
    fences: `INSERT INTO ${p}setting (name, value) VALUES ('inbox-fence', '1')
ON CONFLICT (name) DO UPDATE SET value = cast(cast(value AS INTEGER) + 1 AS TEXT)
RETURNING cast(value AS INTEGER) AS fence`,
    claimObject: `UPDATE ${p}inbox_object
SET fence = @fence, held_until = @now + cast(@leaseMs AS INTEGER) WHERE number = @objectNumber`,
    dueEvents: `SELECT w.number, e.key, e.type, e.route, e.received_at, w.starts, e.attempts, b.body
FROM ${p}inbox_work AS w INDEXED BY ${p}inbox_work_object
CROSS JOIN ${p}inbox AS e ON e.number = w.number
CROSS JOIN ${p}inbox_body AS b ON b.number = w.number
WHERE w.object = @objectNumber AND w.due_at <= @now ORDER BY w.number LIMIT @eventsMax`,
    start: `UPDATE ${p}inbox_work SET starts = starts + 1 WHERE number = @number`,
    heldObject: `SELECT number FROM ${p}inbox_object WHERE source = @source AND object = @object
AND fence = @fence AND held_until IS NOT NULL`,
    objectOf: `SELECT number, state, coalesce(held_until > @now, 0) AS held FROM ${p}inbox_object
WHERE source = @source AND object = @object`,
    waits: `SELECT 1 FROM ${p}inbox_work WHERE object = @objectNumber LIMIT 1`,
  };
}

function ending(p: string) {
  return {
    forgetWork: `DELETE FROM ${p}inbox_work WHERE number = @number AND object = @objectNumber`,
    endEvent: `UPDATE ${p}inbox SET state = @kind, ended_at = @now,
  attempts = attempts + @attempt, last_error = coalesce(@error, last_error)
WHERE number = @number`,
    putOff: `UPDATE ${p}inbox_work SET due_at = @now + cast(@dueInMs AS INTEGER),
  waits_for = @waitsFor, starts = max(0, starts - @untried)
WHERE number = @number AND object = @objectNumber`,
    countAttempt: `UPDATE ${p}inbox SET attempts = attempts + @attempt,
  last_error = coalesce(@error, last_error) WHERE number = @number`,
    keepState: `UPDATE ${p}inbox_object SET state = @state WHERE number = @objectNumber`,
    giveBack: `UPDATE ${p}inbox_object SET held_until = NULL, due_at =
  (SELECT min(due_at) FROM ${p}inbox_work AS w WHERE w.object = @objectNumber)
WHERE number = @objectNumber`,
    forgetObject: `DELETE FROM ${p}inbox_object
WHERE number = @objectNumber AND due_at IS NULL AND state IS NULL`,
    arriveObjects: `UPDATE ${p}inbox_object SET due_at = min(coalesce(due_at, @now), @now)
WHERE number IN (SELECT object FROM ${p}inbox_work WHERE waits_for = @name)`,
    arrive: `UPDATE ${p}inbox_work SET due_at = min(due_at, @now), waits_for = NULL
WHERE waits_for = @name`,
    redeliver: `UPDATE ${p}inbox SET state = 'waiting', ended_at = NULL, attempts = 0
WHERE number = @number`,
  };
}

function reading(p: string) {
  const columns = `SELECT e.number, e.source, e.key, e.type, e.object, e.state, e.route,
  e.received_at, e.ended_at, e.deliveries, e.conflicts, e.attempts, e.last_error,
  w.due_at, w.waits_for`;
  const from = (index: string) => `FROM ${p}inbox AS e ${index}
LEFT JOIN ${p}inbox_work AS w ON w.number = e.number`;
  const filter = `e.number < @before AND (@source IS NULL OR e.source = @source)
  AND (@state IS NULL OR e.state = @state) AND (@type IS NULL OR e.type = @type)
  AND (@object IS NULL OR e.object = @object)
  AND (@numbers IS NULL OR e.number IN (SELECT value FROM json_each(@numbers)))
  AND (@redeliverable = 0 OR e.pruned = 0 AND e.state NOT IN ('waiting', 'done'))`;
  const newestFirst = "ORDER BY e.number DESC LIMIT @limit";
  return {
    readEvent: `${columns}, b.body ${from("")}
LEFT JOIN ${p}inbox_body AS b ON b.number = e.number WHERE e.number = @number`,
    events: `${columns} ${from("")} WHERE ${filter} ${newestFirst}`,
    eventsNumbered: `${columns} ${from("")}
WHERE e.number IN (SELECT value FROM json_each(@numbers)) AND ${filter} ${newestFirst}`,
    // What waits is few beside what has ended.
    eventsWaiting: `${columns} FROM ${p}inbox_work AS w
CROSS JOIN ${p}inbox AS e ON e.number = w.number WHERE w.number < @before AND ${filter}
ORDER BY w.number DESC LIMIT @limit`,
    eventsDead: `${columns} ${from(`INDEXED BY ${p}inbox_dead`)}
WHERE e.state = 'dead' AND ${filter} ${newestFirst}`,
    eventsAbout: `${columns} ${from(`INDEXED BY ${p}inbox_about`)}
WHERE e.object = @object AND ${filter} ${newestFirst}`,
    sourceCounts: `SELECT source, count(*) AS events, sum(route = 'sweep') AS swept,
  sum(state = 'waiting') AS waiting, sum(state = 'dead') AS dead,
  sum(deliveries) AS deliveries, sum(conflicts) AS conflicts
FROM ${p}inbox GROUP BY source ORDER BY source`,
  };
}

function pruning(p: string) {
  const old = (pruned: 0 | 1) => `SELECT number FROM ${p}inbox INDEXED BY ${p}inbox_ended
WHERE pruned = ${pruned} AND state IN (${PRUNABLE}) AND ended_at < @now - @ageMs
ORDER BY ended_at LIMIT @limit`;
  return {
    prunableBodies: old(0),
    pruneBody: `DELETE FROM ${p}inbox_body WHERE number = @number`,
    markPruned: `UPDATE ${p}inbox SET pruned = 1 WHERE number = @number`,
    prunableKeys: old(1),
    forgetAliases: `DELETE FROM ${p}inbox_alias WHERE number = @number`,
    forgetChange: `DELETE FROM ${p}inbox_change WHERE number = @number`,
    forgetEvent: `DELETE FROM ${p}inbox WHERE number = @number`,
  };
}
