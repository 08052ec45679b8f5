import type { OutboxStore } from "../../src/store/outbox.ts";
import type { Calls } from "./store-call.ts";

/** What goes out, as one process sees it: every call waits for the scheduler's choice. */
export function watchedOutbox(raw: OutboxStore, { call }: Calls): OutboxStore {
  return {
    ...raw,
    claim: (request) => call("outbox.claim", () => raw.claim(request)),
    end: (holder, end) => call("outbox.end", () => raw.end(holder, end), undefined, { holder }),
    prune: (request) => call("outbox.prune", () => raw.prune(request)),
  };
}
