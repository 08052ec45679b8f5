import { OPAQUE_STEP } from "../../model/step.ts";
import { READY } from "./schema.ts";
import { held, NOW } from "./sql.ts";

/** The statements about steps, what they sent, and what is known of their effects. */
export interface StepStatements {
  readonly heldStep: string;
  readonly known: string;
  readonly begin: string;
  readonly beginAnew: string;
  readonly send: string;
  readonly sentKey: string;
  readonly keyOwner: string;
  readonly close: string;
  readonly finish: string;
  readonly disprove: string;
  readonly takeBack: string;
  readonly adopt: string;
  readonly adopter: string;
  readonly release: string;
  readonly evidence: string;
  readonly note: string;
  readonly reopenable: string;
  readonly handler: string;
  readonly refer: string;
  readonly reopen: string;
  readonly steps: string;
  readonly sends: string;
  readonly pruneSends: string;
  readonly pruneStepRequests: string;
  readonly forgetKeys: string;
  readonly forgetAdopted: string;
  readonly forgetEvidence: string;
  readonly forgetSteps: string;
}

export function stepStatements(prefix: string): StepStatements {
  return {
    ...beginning(prefix),
    ...ending(prefix),
    ...learning(prefix),
    ...reopening(prefix),
    ...keeping(prefix),
  };
}

/** A step as the rules look at it, with how many sends it has. */
const RULED = (p: string): string => `s.kind, s.result_kind, s.provider, s.effect_kind,
  s.reference, s.compensates,
  (SELECT count(*) FROM ${p}send AS n WHERE n.number = s.number AND n.step = s.name) AS sends`;

const POSITION = (p: string): string =>
  `(SELECT count(*) FROM ${p}step AS other WHERE other.number = @number)`;

function beginning(p: string) {
  return {
    heldStep: `SELECT number, ${NOW} AS now FROM ${p}operation WHERE ${held(p)}`,
    known: `SELECT ${RULED(p)} FROM ${p}step AS s WHERE s.number = @number AND s.name = @name`,
    begin: `INSERT INTO ${p}step (number, name, position, kind, input_digest, fence, begun_at,
  provider_key, generation, provider, effect_kind, account, region, request, replay_until, look_up,
  compensates)
VALUES (@number, @name, ${POSITION(p)}, 'external', @inputDigest, @fence, @now,
  @providerKey, @generation, @provider, @effectKind, @account, @region, @request,
  @now + cast(@keptForMs AS INTEGER), @lookUp, @compensates)`,
    beginAnew: `UPDATE ${p}step SET result_kind = NULL, result_value = NULL, recorded_at = NULL,
  fence = @fence, begun_at = @now, provider_key = @providerKey, generation = @generation,
  provider = @provider, effect_kind = @effectKind, account = @account, region = @region,
  request = @request, replay_until = @now + cast(@keptForMs AS INTEGER), look_up = @lookUp
WHERE number = @number AND name = @name`,
    sentKey: `INSERT INTO ${p}sent_key (provider_key, number, step)
VALUES (@providerKey, @number, @name)
ON CONFLICT (provider_key) DO UPDATE SET number = excluded.number, step = excluded.step`,
    keyOwner: `SELECT lower(hex(o.id)) AS id, k.step FROM ${p}sent_key AS k
JOIN ${p}operation AS o ON o.number = k.number WHERE k.provider_key = @providerKey`,
    send: `INSERT INTO ${p}send (number, step, send, generation, fence, sent_at)
VALUES (@number, @name, @send, (SELECT generation FROM ${p}step AS s
  WHERE s.number = @number AND s.name = @name), @fence, @now)`,
  };
}

function ending(p: string) {
  return {
    close: `UPDATE ${p}send SET verdict = @verdict, detail = @detail
WHERE number = @number AND step = @name AND send = @sends AND verdict IS NULL`,
    finish: `UPDATE ${p}step SET result_kind = @kind, result_value = @value, recorded_at = @now,
  reference = coalesce(@reference, reference) WHERE number = @number AND name = @name`,
    disprove: `UPDATE ${p}step SET result_kind = 'not-executed', result_value = x'',
  recorded_at = @now, reference = NULL
WHERE number = @number AND name = @name AND (@proven OR NOT EXISTS (SELECT 1 FROM ${p}send AS n
  WHERE n.number = @number AND n.step = @name AND n.verdict IS NOT 'not-executed'
    AND n.generation = ${p}step.generation))`,
    takeBack: `UPDATE ${p}step SET compensated = 1
WHERE number = @number AND name = @compensates AND kind = 'external'`,
    adopt: `INSERT INTO ${p}adopted (provider, effect_kind, reference, operation_id, step)
VALUES (@provider, @effectKind, @reference, @id, @name)
ON CONFLICT (provider, effect_kind, reference) DO NOTHING`,
    adopter: `SELECT lower(hex(operation_id)) AS id, step FROM ${p}adopted
WHERE provider = @provider AND effect_kind = @effectKind AND reference = @reference`,
    release: `DELETE FROM ${p}adopted WHERE provider = @provider AND effect_kind = @effectKind
  AND reference = @reference AND operation_id = @id AND step = @name`,
  };
}

function learning(p: string) {
  return {
    evidence: `SELECT step, source, finding, reference, detail, said_by, noted_at
FROM ${p}evidence WHERE number = (SELECT number FROM ${p}operation WHERE id = @id) ORDER BY id`,
    note: `INSERT INTO ${p}evidence (number, step, source, finding, reference, detail, said_by,
  noted_at)
SELECT number, @step, @source, @finding, @reference, @detail, @by, ${NOW}
FROM ${p}operation WHERE id = @id`,
  };
}

function reopening(p: string) {
  // Running a wrapped handler again takes the word that it did nothing.
  const unfinished = `(EXISTS (SELECT 1 FROM ${p}step AS s WHERE s.number = @number
    AND s.kind = 'external' AND s.result_kind IS NULL) OR form = 'opaque' AND NOT EXISTS
    (SELECT 1 FROM ${p}step AS s WHERE s.number = @number AND s.name = '${OPAQUE_STEP}'))`;
  return {
    reopenable: `SELECT number, state, form, fence, ${READY} AS ready, ${NOW} AS now
FROM ${p}operation WHERE id = @id`,
    handler: `INSERT INTO ${p}step (number, name, position, kind, input_digest, fence, begun_at)
VALUES (@number, @name, ${POSITION(p)}, 'external', '', @fence, @now)`,
    refer: `UPDATE ${p}step SET result_kind = NULL, result_value = NULL, recorded_at = NULL,
  reference = @reference WHERE number = @number AND name = @name`,
    reopen: `UPDATE ${p}operation SET state = CASE WHEN ${unfinished} THEN 'in_doubt'
    ELSE 'waiting' END, doubt = CASE WHEN ${unfinished} THEN 'effect-unknown' END,
  attempts = 0, due_at = @now, lease_until = NULL, run_until = NULL, fence = fence + 1
WHERE number = @number`,
  };
}

function keeping(p: string) {
  return {
    steps: `SELECT name, kind, input_digest, fence, begun_at, recorded_at, result_kind,
  result_value, provider_key, generation, provider, effect_kind, account, region, request,
  replay_until, look_up, reference, compensates, compensated
FROM ${p}step WHERE number = @number ORDER BY position`,
    sends: `SELECT step, send AS number, generation, fence, sent_at, verdict, detail FROM ${p}send
WHERE number = @number ORDER BY step, send`,
    pruneSends: `DELETE FROM ${p}send WHERE number = @number`,
    pruneStepRequests: `UPDATE ${p}step SET request = NULL
WHERE number = @number AND request IS NOT NULL`,
    forgetKeys: `DELETE FROM ${p}sent_key WHERE number = @number`,
    forgetAdopted: `DELETE FROM ${p}adopted WHERE (provider, effect_kind, reference) IN
  (SELECT provider, effect_kind, reference FROM ${p}step WHERE number = @number)
  AND operation_id = (SELECT id FROM ${p}operation WHERE number = @number)`,
    forgetEvidence: `DELETE FROM ${p}evidence WHERE number = @number`,
    forgetSteps: `DELETE FROM ${p}step WHERE number = @number`,
  };
}
