import { isFinal, type OperationRecord } from "../../src/model/operation.ts";
import { standing, unfinished } from "../../src/model/step.ts";
import { answersSinceFailover } from "./failover.ts";
import type { Answered, Fact, History, Remains } from "./history.ts";
import type { PlannedOperation } from "./plan.ts";
import { checkMail } from "./relay.ts";
import { sealer } from "./watched-store.ts";
import { checkEvents } from "./webhook-rules.ts";
import { EXPECTED, type Expectation } from "./workload.ts";

/** One operation of a history with everything that was seen of it. */
interface Case {
  readonly history: History;
  readonly planned: PlannedOperation;
  readonly expected: Expectation;
  readonly record: OperationRecord | undefined;
  readonly messages: Remains["messages"];
  readonly facts: readonly Fact[];
  readonly answers: readonly Answered[];
  readonly last: string;
  /** How often the store has failed over. */
  readonly failovers: number;
}

/** Says what is wrong, or nothing. */
type Rule = (seen: Case) => string | undefined;

const SAME = "100";

const RULES: Readonly<Record<string, Rule>> = {
  "all final answers are equal, and equal to the record": ({ answers, record }) => {
    const texts = new Set(
      finals(answers).map(({ told }) => `${told.kind} ${told.status} ${told.body}`),
    );
    if (texts.size > 1) return [...texts].join(" | ");
    const [text] = texts;
    if (text === undefined || record?.outcome === undefined)
      return text === undefined ? undefined : `${text}, and nothing is recorded`;
    const { kind, status, response } = record.outcome;
    if (response === undefined) return undefined;
    const body = sealer.open(record.id, "response", response.body) ?? response.body;
    const stored = `${kind} ${status} ${Buffer.from(body).toString("utf8")}`;
    return stored === text ? undefined : `${text} | recorded: ${stored}`;
  },
  "nothing is answered as final before it is final": ({ facts, failovers }) =>
    failovers === 0 && isEarly(facts) ? "an answer came first" : undefined,
  "a succeeded operation has its charges once": (seen) => {
    const { history, planned, expected, record } = seen;
    const ledger = history.charges.filter(({ operation }) => operation === planned.label);
    const refunds = ledger.filter(({ kind }) => kind === "refunded").map(({ step }) => step);
    const charged = ledger.filter(({ kind }) => kind === "succeeded").length - refunds.length;
    if (new Set(refunds).size < refunds.length) return `${refunds.length} refunds`;
    // What is forgotten happens again, unless the provider knows its key.
    const again = expected.keyless ? seen.failovers : 0;
    if (charged > (expected.most ?? expected.charges) + again) return `${charged} charges`;
    // A way back that was forgotten is not known to the run that ends the operation.
    const back = seen.failovers > 0 ? refunds.length : 0;
    if (
      record?.state === "succeeded" &&
      (charged < expected.charges - back || charged > expected.charges + again) &&
      planned.workload !== "early"
    )
      return `succeeded with ${charged} charges`;
    // A run that is forgotten whole binds the next one to nothing.
    const other = seen.failovers > 0 && history.excused.has(planned.label);
    return record?.state === "failed" && charged > 0 && !other
      ? `failed with ${charged} charges`
      : undefined;
  },
  "an order is there once if the operation succeeded": ({ history, planned, expected, record }) => {
    const orders = history.orders.filter(({ operation }) => operation === planned.label);
    const paid = orders.filter(({ status }) => status === "paid").length;
    if (orders.length > 1 || paid > 1) return `${orders.length} orders, ${paid} paid`;
    if (record?.state === "succeeded" && paid !== expected.orders) return `succeeded, ${paid} paid`;
    return record?.state === "failed" && paid > 0 ? `failed, ${paid} paid` : undefined;
  },
  "the messages of a settlement leave once, with it": ({ messages, expected, record }) => {
    const receipts = messages.filter(({ topic }) => topic === "receipt").length;
    const due = record?.state === "succeeded" ? expected.messages : 0;
    if (receipts !== due) return `${receipts} receipts where ${due} are due`;
    const regrets = messages.length - receipts;
    const sorry = record?.state === "failed" && expected.fails ? 1 : 0;
    return regrets > sorry ? `${regrets} regrets` : undefined;
  },
  "only a handler that fails makes a failed operation": ({
    record,
    expected,
    history,
    planned,
  }) => {
    if (record?.state === "succeeded" && expected.fails) return "it should have failed";
    const excused = expected.fails || expected.mayFail || history.excused.has(planned.label);
    return record?.state === "failed" && !excused ? "nothing has refused it" : undefined;
  },
  "another payload never runs under the key": ({ facts, record, planned, history, failovers }) => {
    const claimed = facts.find((fact) => fact.type === "claimed");
    if (claimed?.type !== "claimed" || planned.workload.startsWith("opaque")) return undefined;
    // A claim that was lost leaves the key to whoever comes next.
    if (failovers > 0) return undefined;
    const atomic = planned.workload.startsWith("atomic");
    const rows = history.orders.filter(({ operation }) => operation === planned.label);
    const ran = atomic
      ? rows.map(({ variant }) => variant)
      : facts.flatMap((fact) => (fact.type === "ran" ? fact.variant : []));
    const other = ran.find((variant) => variant !== claimed.variant);
    return other === undefined ? undefined : `${other} ran in ${record?.state}`;
  },
  "a handler of another payload never runs at all once the key is taken": (seen) => {
    const { facts, planned } = seen;
    if (!planned.workload.startsWith("opaque") || seen.failovers > 0) return undefined;
    const variants = new Set(facts.flatMap((fact) => (fact.type === "ran" ? fact.variant : [])));
    return variants.size > 1 ? [...variants].join(" and ") : undefined;
  },
  "another payload is told so as soon as the key is taken": (seen) => {
    const taken = seen.facts.findIndex((fact) => fact.type === "claimed");
    const owner = variantOfRecord(seen);
    if (taken < 0 || owner === undefined) return undefined;
    const later = seen.answers.filter(
      ({ call, variant }) => variant !== owner && calledAt(seen.facts, call) > taken,
    );
    // An older release of the library cannot compare with what a newer one has stored.
    const older = seen.history.plan.next ? "recipe-unknown" : undefined;
    const wrong = later.find(
      (answer) =>
        !TOLD_TO_OTHERS.has(answer.told.kind) &&
        answer.told.kind !== older &&
        !hasTwin(seen.facts, answer),
    );
    return wrong && `it was told ${wrong.told.kind}`;
  },
  "nobody else is told that the key is reused": (seen) => {
    const owner = variantOfRecord(seen);
    const wrong = seen.answers.find(
      ({ variant, told }) => told.kind === "key-reused" && variant === owner,
    );
    return wrong && "the owner of the key was refused";
  },
  "fences grow by one, and a live lease is never taken over": ({ facts }) => {
    let fence = 0;
    let leaseUntil = 0;
    let runUntil = 0;
    for (const fact of facts) {
      if (fact.type === "renewed") leaseUntil = Math.min(fact.at + LEASE_MS, runUntil);
      if (fact.type === "wrote" && fact.state !== "running") leaseUntil = 0;
      if (fact.type === "reopened") fence += 1;
      if (fact.type === "restored") ({ fence, leaseUntil, runUntil } = fact);
      if (fact.type !== "claimed") continue;
      if (fact.fence !== fence + 1) return `fence ${fact.fence} after ${fence}`;
      if (fact.at < leaseUntil) return `fence ${fact.fence} came before the lease's end`;
      ({ fence, leaseUntil, runUntil } = fact);
    }
    return undefined;
  },
  "no write lands under an old fence or after the end": ({ facts }) => {
    let fence = 0;
    let open = true;
    for (const fact of facts) {
      if (fact.type === "claimed") {
        fence = fact.fence;
        open = fact.state === "running";
      } else if (fact.type === "restored") {
        fence = fact.fence;
        open = fact.state === "running";
      } else if (fact.type === "wrote") {
        if (fact.fence !== fence) return `${fact.method} under ${fact.fence} landed after ${fence}`;
        if (!open) return `${fact.method} landed after the end`;
        open = fact.state === "running";
      }
    }
    return undefined;
  },
  "no operation is final while a step is unfinished": ({ record }) => {
    if (record === undefined || !isFinal(record.state)) return undefined;
    if (unfinished(record.steps).length > 0) return "a step is unfinished";
    return record.state === "failed" && standing(record.steps).length > 0
      ? "it failed and its effect stands"
      : undefined;
  },
  "every operation ends, and only a keyless effect may leave it in doubt": (seen) => {
    const { record, expected, last, planned } = seen;
    if (record === undefined) return `nothing is recorded; the last client heard ${last}`;
    if (isFinal(record.state)) return FINAL_WORDS.has(last) ? undefined : `heard ${last}`;
    if (record.state !== "in_doubt" || record.doubt === undefined || record.dueAt !== undefined)
      return `it is left ${record.state}`;
    if (last !== "in-doubt") return `it is in doubt, and the last client heard ${last}`;
    if (planned.workload.startsWith("atomic")) return "an atomic operation is in doubt";
    // The faults of one history can use up three attempts, and never twenty.
    const worn = record.attempts >= seen.history.plan.attemptsMax && record.attempts < 20;
    // The operation that it is made of may have been taken by a payload that the store forgot.
    const taken = seen.failovers > 0 && planned.workload === "composed";
    return worn || taken || expected.doubts ? undefined : `in doubt (${record.doubt})`;
  },
  "no step of the library breaks": ({ history, answers }) => {
    const thrown = answers.find(({ told }) => told.kind.startsWith("threw"));
    return history.broken[0] ?? thrown?.told.kind;
  },
  "a lone client with a lost answer is served as if nothing was lost": (seen) => {
    // Who ends before the effect is refused, and needs a second attempt.
    if (!seen.history.plan.calm || seen.planned.workload === "early") return undefined;
    const heard = seen.answers.map(({ told }) => told.kind);
    const [first = "nothing"] = heard;
    if (!FINAL_WORDS.has(first)) return `heard ${heard.join()}`;
    return seen.record && seen.record.fence > 1 ? `it took ${seen.record.fence} claims` : undefined;
  },
};

const RULES_LISTED = Object.entries(RULES);
const LEASE_MS = 1_000;
const FINAL_WORDS: ReadonlySet<string> = new Set(["succeeded", "failed", "key-expired"]);
/** What a twin that began before the key was taken may be told, and all that wait for it. */
const PASSING: ReadonlySet<string> = new Set(["in-progress", "retry-scheduled", "passing"]);
const TOLD_TO_OTHERS: ReadonlySet<string> = new Set(["key-reused", "store-unavailable"]);

export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** What a history breaks of the promises; a pure function of what was recorded. */
export function check(history: History): Violation[] {
  const operations = history.plan.operations.flatMap((planned, index) => {
    const remains = history.remains[index];
    const id = remains?.id;
    const isOurs = (fact: Fact): boolean => {
      if (fact.type === "failed-over") return true;
      return "id" in fact ? fact.id === id : fact.operation === planned.label;
    };
    const facts = history.facts.filter(isOurs);
    const seen: Case = {
      ...{ history, planned, facts, record: remains?.record },
      expected: EXPECTED[planned.workload],
      messages: remains?.messages ?? [],
      answers: answersSinceFailover(facts),
      failovers: facts.filter(({ type }) => type === "failed-over").length,
      last: history.last[index] ?? "nothing",
    };
    return RULES_LISTED.flatMap(([rule, broken]) => {
      const detail = broken(seen);
      return detail === undefined ? [] : [{ rule, detail: `${planned.workload}: ${detail}` }];
    });
  });
  return [...operations, ...checkEvents(history), ...checkMail(history)];
}

function finals(answers: readonly Answered[]): Answered[] {
  return answers.filter(isFinalAnswer);
}

function isFinalAnswer({ told }: Answered): boolean {
  return told.kind === "succeeded" || told.kind === "failed";
}

/** Whether a final answer came before the end of its operation. */
export function isEarly(facts: readonly Fact[]): boolean {
  const end = facts.findIndex(isEnd);
  const early = facts.findIndex((fact) => fact.type === "answered" && isFinalAnswer(fact));
  return early >= 0 && (end < 0 || early < end);
}

function isEnd(fact: Fact): boolean {
  return (fact.type === "wrote" || fact.type === "claimed") && isFinal(fact.state);
}

/** A duplicate that waits for its twin in the same process knows no more than the twin. */
function hasTwin(facts: readonly Fact[], answer: Answered): boolean {
  if (!PASSING.has(answer.told.kind)) return false;
  const [from, to] = [calledAt(facts, answer.call), facts.indexOf(answer)];
  return facts.some((fact, index) => {
    if (fact.type !== "called" || fact.call === answer.call || index > to) return false;
    if (fact.variant !== answer.variant) return false;
    const end = facts.findIndex((one) => one.type === "answered" && one.call === fact.call);
    return end < 0 || end > from;
  });
}

function calledAt(facts: readonly Fact[], call: number): number {
  return facts.findIndex((fact) => fact.type === "called" && fact.call === call);
}

function variantOfRecord({ facts, planned, failovers }: Case): string | undefined {
  if (failovers > 0) return undefined;
  const claimed = facts.find((fact) => fact.type === "claimed");
  if (claimed?.type !== "claimed") return undefined;
  if (claimed.variant !== undefined) return claimed.variant;
  // An opaque operation has no stored input, so only a key with one payload has a known owner.
  return planned.clients.every(({ variant }) => variant === "same") ? SAME : undefined;
}
