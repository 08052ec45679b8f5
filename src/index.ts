/**
 * nevertwice: one key, one outcome.
 *
 * @module
 */

export type { AtomicOp } from "./core/atomic.ts";
export { type CurrentOperation, currentOperation } from "./core/current.ts";
export type { AfterCrash, Probe, ProbeAnswer } from "./core/definition.ts";
export type { Effect, EffectCall, LookUp, Way } from "./core/effect.ts";
export type { EventListener, OperationEvent } from "./core/events.ts";
export {
  type Operation,
  type RunOutcome,
  type RunRefusal,
  type RunRequest,
  type RunResult,
  unwrap,
} from "./core/handle.ts";
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
export type { Named, StepWord, Word } from "./core/reopen.ts";
export type { EncryptionOptions } from "./core/seal.ts";
export type { Write } from "./core/settlement.ts";
export type { Worker, WorkerOptions } from "./core/worker.ts";
export { type Clock, systemClock } from "./model/clock.ts";
export {
  ERRORS,
  type ErrorCode,
  isNevertwiceError,
  NevertwiceError,
  type Retry,
} from "./model/errors.ts";
export type { Evidence, EvidenceRecord } from "./model/evidence.ts";
export { businessKey, type Origin, parseKey } from "./model/key.ts";
export { judgeNetwork } from "./model/network.ts";
export type { Doubt, OperationRecord, State } from "./model/operation.ts";
export { fail, ok, type Result, type ResultOptions } from "./model/outcome.ts";
export { type Random, systemRandom } from "./model/random.ts";
export type { SendRecord, StepRecord, Target } from "./model/step.ts";
export type { OperationStore, Reopened } from "./store.ts";
