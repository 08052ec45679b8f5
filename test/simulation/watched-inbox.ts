import type { InboxStore } from "../../src/store/inbox.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import type { Calls, Gate } from "./store-call.ts";

/** What came in, as one process sees it: every call waits for the scheduler's choice. */
export function watchedInbox(
  raw: InboxStore<MemoryTransaction>,
  { call, mortal }: Calls,
): InboxStore<MemoryTransaction> {
  return {
    ...raw,
    accept: (request) => call("inbox.accept", () => raw.accept(request)),
    acceptHandled(event, work) {
      const gate: Gate = { closed: undefined };
      const watched = mortal(gate, work);
      return call("inbox.acceptHandled", () => raw.acceptHandled(event, watched), undefined, {
        gate,
      });
    },
    claim: (request) => call("inbox.claim", () => raw.claim(request)),
    handle(holder, work) {
      const gate: Gate = { closed: undefined };
      const watched = mortal(gate, work);
      return call("inbox.handle", () => raw.handle(holder, watched), undefined, { gate, holder });
    },
    release: (holder, ends) =>
      call("inbox.release", () => raw.release(holder, ends), undefined, { holder }),
    read: (number) => call("inbox.read", () => raw.read(number)),
    prune: (request) => call("inbox.prune", () => raw.prune(request)),
  };
}
