import type { StoreCase } from "./bench.ts";
import { claimCases } from "./cases/claims.ts";
import { evidenceCases } from "./cases/evidence.ts";
import { fenceCases } from "./cases/fences.ts";
import { forgottenCases } from "./cases/forgotten.ts";
import { hostileCases } from "./cases/hostile.ts";
import { inboxAcceptCases } from "./cases/inbox-accept.ts";
import { inboxChangeCases } from "./cases/inbox-changes.ts";
import { inboxHandleCases } from "./cases/inbox-handle.ts";
import { inboxHandledCases } from "./cases/inbox-handled.ts";
import { inboxHostileCases } from "./cases/inbox-hostile.ts";
import { inboxKeepingCases } from "./cases/inbox-keeping.ts";
import { inboxObjectCases } from "./cases/inbox-objects.ts";
import { inboxStaleCases } from "./cases/inbox-stale.ts";
import { inboxWaitingCases } from "./cases/inbox-waiting.ts";
import { lineageCases } from "./cases/lineage.ts";
import { markCases } from "./cases/marks.ts";
import { outboxCases } from "./cases/outbox.ts";
import { outboxKeepingCases } from "./cases/outbox-keeping.ts";
import { outboxOrderCases } from "./cases/outbox-order.ts";
import { planCases } from "./cases/plans.ts";
import { pruneCases } from "./cases/prune.ts";
import { recordCases } from "./cases/records.ts";
import { referenceCases } from "./cases/references.ts";
import { refusalCases } from "./cases/refusals.ts";
import { reopeningCases } from "./cases/reopening.ts";
import { sendCases } from "./cases/sends.ts";
import { stepCases } from "./cases/steps.ts";
import { transactionCases } from "./cases/transactions.ts";

export { type Need, type StoreBench, type StoreCase, skipReason } from "./bench.ts";

/**
 * The conformance cases of `Store`, at least one for each guarantee, free of any runner.
 *
 * Open a fresh bench per case, ask `skipReason`, and call `run`.
 */
export const storeCases: readonly StoreCase[] = [
  ...claimCases,
  ...fenceCases,
  ...forgottenCases,
  ...recordCases,
  ...stepCases,
  ...sendCases,
  ...referenceCases,
  ...evidenceCases,
  ...reopeningCases,
  ...refusalCases,
  ...transactionCases,
  ...pruneCases,
  ...hostileCases,
  ...lineageCases,
  ...markCases,
  ...inboxAcceptCases,
  ...inboxObjectCases,
  ...inboxWaitingCases,
  ...inboxHandleCases,
  ...inboxStaleCases,
  ...inboxHandledCases,
  ...inboxChangeCases,
  ...inboxKeepingCases,
  ...inboxHostileCases,
  ...outboxCases,
  ...outboxOrderCases,
  ...outboxKeepingCases,
  ...planCases,
].sort((a, b) => a.guarantee - b.guarantee);
