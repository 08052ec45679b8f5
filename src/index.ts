/**
 * nevertwice: one key, one outcome.
 *
 * @module
 */

export type { AtomicOp } from "./core/atomic.ts";
export { type CurrentOperation, currentOperation } from "./core/current.ts";
export type { AfterCrash, Probe, ProbeAnswer } from "./core/definition.ts";
export type { Effect, EffectCall, LookUp, Way } from "./core/effect.ts";
export type { ErrorText } from "./core/error-line.ts";
export type {
  EventListener,
  InboxReport,
  OperationEvent,
  OutboxReport,
  Report,
} from "./core/events.ts";
export {
  type Operation,
  type RunOutcome,
  type RunRefusal,
  type RunRequest,
  type RunResult,
  unwrap,
} from "./core/handle.ts";
export type {
  EventDeclaration,
  EventHandler,
  EventHandlers,
  EventNature,
  InboxOptions,
  ObjectDeclaration,
} from "./core/inbox/declaration.ts";
export type { InboxEvent } from "./core/inbox/event.ts";
export type { Inbox } from "./core/inbox/inbox.ts";
export type { Sweeping } from "./core/inbox/sweep.ts";
export type { Sweep, SweepPage } from "./core/inbox/sweep-list.ts";
export type { Joined } from "./core/join.ts";
export {
  type Declined,
  declined,
  type EffectResult,
  type InDoubt,
  inDoubt,
  type Judgement,
  type NotExecuted,
  notExecuted,
  type Refused,
  refused,
} from "./core/judgement.ts";
export type { LookupRequest, OperationStatus } from "./core/lookup.ts";
export { nevertwice, type Once, type OnceOptions } from "./core/once.ts";
export type { Op } from "./core/op.ts";
export type { OutgoingMessage, RelayOptions, Send, Sender } from "./core/outbox/relay.ts";
export type { PlanOp } from "./core/plan.ts";
export type { Named, StepWord, Word } from "./core/reopen.ts";
export type { EncryptionOptions } from "./core/seal.ts";
export type { StageOptions, Write } from "./core/settlement.ts";
export type { StopOptions, Worker, WorkerOptions, WorkerPass } from "./core/worker.ts";
export { type Clock, systemClock } from "./model/clock.ts";
export type { Acknowledgement, Delivery, Reading, WebhookProvider } from "./model/delivery.ts";
export {
  ERRORS,
  type ErrorCode,
  isNevertwiceError,
  NevertwiceError,
  type Retry,
} from "./model/errors.ts";
export {
  type AuthenticEvent,
  type EventEvidence,
  type EventObject,
  UNSIGNED_FINGERPRINT,
} from "./model/event.ts";
export type { Evidence, EvidenceRecord } from "./model/evidence.ts";
export { businessKey, type Origin, parseKey } from "./model/key.ts";
export { judgeNetwork } from "./model/network.ts";
export type { Doubt, OperationRecord, State } from "./model/operation.ts";
export { fail, ok, type Result, type ResultOptions } from "./model/outcome.ts";
export { type Random, systemRandom } from "./model/random.ts";
export type { Built, Statement, StatementValue } from "./model/statement.ts";
export type { SendRecord, StepRecord, Target } from "./model/step.ts";
export type { OperationStore, Reopened, Store } from "./store.ts";
