import { CLAIMABLE, OPEN_MESSAGE, UNSETTLED } from "./schema-outbox.ts";
import { NOW } from "./sql.ts";

/** The statements about messages that go out; `@now` is the database's time at the call. */
export interface OutboxStatements {
  readonly message: string;
  readonly messages: string;
  readonly dueMessages: string;
  readonly sendMessage: string;
  readonly endMessage: string;
  readonly letNext: string;
  readonly lineUp: string;
  readonly settleMessage: string;
  readonly messageList: string;
  readonly messagesNumbered: string;
  readonly messagesUnsettled: string;
  readonly prunableMessages: string;
  readonly pruneMessage: string;
  readonly keepRuling: string;
  readonly rulings: string;
}

export function outboxStatements(prefix: string): OutboxStatements {
  return {
    ...staging(prefix),
    ...sending(prefix),
    ...reading(prefix),
    ...keeping(prefix),
  };
}

function staging(p: string) {
  return {
    message: `INSERT INTO ${p}outbox (origin, topic, key, aggregate, payload, state, behind,
  staged_at, due_at)
VALUES (@origin, @topic, @key, @aggregate, @payload, 'waiting',
  EXISTS (SELECT 1 FROM ${p}outbox AS o WHERE o.topic = @topic AND o.aggregate = @aggregate
    AND o.state IN (${OPEN_MESSAGE})), ${NOW}, ${NOW})`,
    messages: `SELECT topic, key, aggregate, payload, staged_at FROM ${p}outbox
WHERE origin = @origin ORDER BY number`,
  };
}

function sending(p: string) {
  return {
    dueMessages: `SELECT o.number, o.due_at FROM ${p}outbox AS o INDEXED BY ${p}outbox_due
WHERE o.topic = @topic AND o.behind = 0 AND o.state IN (${CLAIMABLE}) AND o.due_at <= @now
  AND NOT EXISTS (SELECT 1 FROM ${p}outbox AS e WHERE e.topic = o.topic
    AND e.aggregate = o.aggregate AND e.state IN (${OPEN_MESSAGE}) AND e.number < o.number)
ORDER BY o.due_at, o.number LIMIT @limit`,
    sendMessage: `UPDATE ${p}outbox SET doubted = doubted OR state = 'sending', state = 'sending',
  sends = sends + 1, fence = fence + 1, first_sent_at = coalesce(first_sent_at, @now),
  due_at = @now + cast(@leaseMs AS INTEGER) WHERE number = @number
RETURNING number, fence, topic, key, aggregate, lower(hex(origin)) AS origin, payload, staged_at,
  sends, first_sent_at, doubted`,
    endMessage: `UPDATE ${p}outbox SET state = @kind,
  due_at = CASE @kind WHEN 'waiting' THEN @now + cast(@dueInMs AS INTEGER) END,
  ended_at = CASE @kind WHEN 'waiting' THEN NULL ELSE @now END,
  doubted = doubted OR @doubted, reference = coalesce(@reference, reference),
  last_error = coalesce(@error, last_error)
WHERE number = @number AND fence = @fence AND state = 'sending'
RETURNING topic, aggregate`,
    letNext: `UPDATE ${p}outbox SET behind = 0 WHERE behind = 1 AND number =
  (SELECT o.number FROM ${p}outbox AS o WHERE o.topic = @topic AND o.aggregate = @aggregate
    AND o.state IN (${OPEN_MESSAGE}) ORDER BY o.number LIMIT 1)`,
    lineUp: `UPDATE ${p}outbox SET behind = 1
WHERE topic = @topic AND aggregate = @aggregate AND state IN (${OPEN_MESSAGE}) AND behind = 0
  AND EXISTS (SELECT 1 FROM ${p}outbox AS e WHERE e.topic = @topic AND e.aggregate = @aggregate
    AND e.state IN (${OPEN_MESSAGE}) AND e.number < ${p}outbox.number)`,
  };
}

function reading(p: string) {
  const columns = `SELECT o.number, o.topic, o.key, o.aggregate, lower(hex(o.origin)) AS origin,
  o.state, o.staged_at, o.sends, o.first_sent_at, o.ended_at, o.due_at, o.doubted, o.reference,
  o.last_error FROM ${p}outbox AS o`;
  const filter = `o.number < @before AND (@topic IS NULL OR o.topic = @topic)
  AND (@state IS NULL OR o.state = @state)
  AND (@numbers IS NULL OR o.number IN (SELECT value FROM json_each(@numbers)))
ORDER BY o.number DESC LIMIT @limit`;
  return {
    messageList: `${columns} WHERE ${filter}`,
    messagesNumbered: `${columns} WHERE o.number IN (SELECT value FROM json_each(@numbers))
  AND ${filter}`,
    messagesUnsettled: `${columns} INDEXED BY ${p}outbox_unsettled
WHERE o.state IN (${UNSETTLED}) AND ${filter}`,
  };
}

function keeping(p: string) {
  return {
    // With its doubt the message would only come back to the person.
    settleMessage: `UPDATE ${p}outbox SET state = @to,
  due_at = CASE @to WHEN 'waiting' THEN @now END, ended_at = CASE @to WHEN 'sent' THEN @now END,
  doubted = CASE @to WHEN 'waiting' THEN 0 ELSE doubted END
WHERE number = @number AND state IN (${UNSETTLED})`,
    prunableMessages: `SELECT number FROM ${p}outbox INDEXED BY ${p}outbox_prunable
WHERE state = 'sent' AND payload <> x'' AND ended_at < @now - @ageMs
ORDER BY ended_at LIMIT @limit`,
    pruneMessage: `UPDATE ${p}outbox SET payload = x'' WHERE number = @number`,
    keepRuling: `INSERT INTO ${p}ruling (ruled_at, action, said_by, reason, filter, dry_run, count)
VALUES (${NOW}, @action, @by, @reason, @filter, @dryRun, @count)`,
    rulings: `SELECT ruled_at, action, said_by, reason, filter, dry_run, count FROM ${p}ruling
WHERE substr(action, 1, length(@room)) = @room ORDER BY number DESC LIMIT @limit`,
  };
}
