import type { Once } from "../../src/core/once.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import type { History } from "./history.ts";
import type { Hands } from "./parts.ts";

/**
 * Who gets the messages, and for how long it recognises one that comes again, in milliseconds: for
 * ever, for a while, or never.
 */
export const RECEIVERS = {
  knowing: Number.POSITIVE_INFINITY,
  forgetful: 6_000,
  blind: 0,
} as const;
export type Receiver = keyof typeof RECEIVERS;

const TOPICS = ["receipt", "regret"] as const;
const TIMEOUT_MS = 1_000;
/** A message that lands later than its time and the margin allow is one that nobody promises. */
export const MAIL_REACH_MS: number = TIMEOUT_MS + RECEIVERS.forgetful / 10;

/** A message as its receiver took it; one that it recognised is not taken again. */
export interface Mail {
  readonly topic: string;
  readonly key: string;
  readonly id: string;
  readonly at: number;
}

/** Lets one process send what the operations stage. */
export function declareRelays(
  once: Once<MemoryTransaction, "async">,
  hands: Hands,
  receiver: Receiver,
): void {
  const dedupeMs = RECEIVERS[receiver];
  for (const topic of TOPICS)
    once.relay(topic, ({ id, key }) => hands.mail({ id, topic, key }), {
      ...{ dedupeMs, timeoutMs: TIMEOUT_MS },
    });
}

/** Says what is wrong with the messages of a history, or nothing. */
type MailRule = (history: History, failovers: number) => string | undefined;

const RULES: Readonly<Record<string, MailRule>> = {
  "no message is taken twice": ({ mail, plan }, failovers) => {
    // What is forgotten is sent again, and only a receiver that remembers knows it.
    const most = plan.receiver === "knowing" ? 1 : 1 + failovers;
    const twice = mail.kept.find((kept) => countOf(mail, kept) > most);
    return twice && `${twice.topic} ${twice.key}: ${countOf(mail, twice)}`;
  },
  "what counts as sent has arrived": ({ mail }) =>
    mail.kept.find((kept) => kept.state === "sent" && countOf(mail, kept) === 0)?.key,
  "every message is sent, or in doubt if an answer was lost": ({ mail, plan }) => {
    const wrong = mail.kept.find(
      ({ state }) => state !== "sent" && !(state === "in_doubt" && plan.receiver !== "knowing"),
    );
    return wrong && `${wrong.topic} ${wrong.key} is ${wrong.state}: ${wrong.error}`;
  },
  "nothing is sent that was not committed": ({ mail }, failovers) =>
    failovers > 0
      ? undefined
      : mail.arrived.find(
          ({ topic, key }) => !mail.kept.some((one) => one.topic === topic && one.key === key),
        )?.key,
};

function countOf(
  { arrived }: History["mail"],
  of: { readonly topic: string; readonly key: string },
): number {
  return arrived.filter(({ topic, key }) => topic === of.topic && key === of.key).length;
}

/** What the messages of a history break of the promises. */
export function checkMail(history: History): { rule: string; detail: string }[] {
  if (history.plan.receiver === undefined) return [];
  const failovers = history.facts.filter(({ type }) => type === "failed-over").length;
  return Object.entries(RULES).flatMap(([rule, broken]) => {
    const detail = broken(history, failovers);
    return detail === undefined ? [] : [{ rule, detail }];
  });
}
