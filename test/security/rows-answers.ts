import { inFuzz, inSecurity, type Row } from "./row.ts";

/** What may go wrong with an answer: who gets it, what is in it, what is kept of it. */
export const ANSWER_ROWS: readonly Row[] = [
  {
    threat: "keys that are guessed, or enumerated, across accounts",
    proofs: [
      inSecurity(
        "scopes",
        "whatever another account does, an account's operations stay as they are",
      ),
      inSecurity("scopes", "another account's key is answered like one that nobody has"),
      inSecurity(
        "scopes",
        "the store is asked the same for another account's key as for one that nobody has",
      ),
      inSecurity("scopes", "where scope and key end is no matter of the letters between them"),
      ["test/model/key.test.ts", "moving a letter from scope to key makes another record id"],
      ["test/model/scope.test.ts", "a scope made of a missing value is refused (H28)"],
      [
        "test/http/refusals.ts",
        "S13: a request without a scope reaches the developer, and runs nothing",
      ],
    ],
    open:
      "the id is a plain digest by decision: scope and key stand beside it, and a secret that " +
      "was lost would make every key new; times are not measured, the same calls are",
  },
  {
    threat: "a replay for somebody who has lost the right to it",
    proofs: [
      inSecurity("scopes", "who has lost the right to ask is given no replay"),
      inSecurity(
        "principal",
        "a replay is refused to another person of the account where the person is compared",
      ),
      inSecurity("principal", "and so it is round a handler that exists"),
      inSecurity("principal", "with named fields the person is one of them"),
    ],
    open:
      "the people of an account share its keys unless a mount says otherwise: only the " +
      "application knows whether a colleague may see an answer",
  },
  {
    threat: "cookies, credentials or headers of a connection that are replayed to somebody else",
    proofs: [
      inSecurity(
        "headers",
        "no header of a connection or of a person is stored, in whatever case and whatever a mount names",
      ),
      inSecurity("headers", "a mount cannot name such a header"),
      ["test/http/answers.ts", "S5: only the headers that belong to the outcome are replayed"],
      inSecurity("caches", "a replay is for no cache, although its headers could let one keep it"),
      inSecurity(
        "caches",
        "what a handler says of caches is for its first answer, unless the mount keeps it",
      ),
    ],
  },
  {
    threat: "a header that carries another one, or that cannot be sent again",
    proofs: [
      [
        "test/model/outcome.test.ts",
        "a header that we accept is one that Node will send again, and a refused one is refused there",
      ],
      ["test/model/outcome.test.ts", "a header cannot smuggle another line"],
      ["test/http/doubts.ts", "S2: a header that could split the answer is never sent nor stored"],
      ["test/http/keys.ts", "S2: a key cannot add anything to the headers of its answer"],
    ],
  },
  {
    threat: "card data at rest",
    proofs: [
      inSecurity(
        "card-data",
        "under encryption no card number is in a file, a report or the command line",
      ),
      ["test/core/seal.test.ts", "bytes that were moved, altered or cut do not open"],
      [
        "test/core/seal.test.ts",
        "redacted fields are neither stored nor handed on, on the first run and after",
      ],
      inFuzz("sealed-bytes"),
      inSecurity(
        "card-members",
        "an operation that stores card data is warned of, once, and without the data",
      ),
      inSecurity("card-members", "what only looks a little like card data is not warned of"),
      inSecurity(
        "error-text",
        "the text of an error is stored in clear, unless `errorText` masks it",
      ),
    ],
    open:
      "it is a warning by the names of members in the first inputs, and no refusal: one " +
      "number in ten passes a card's check, and to search every body would cost every " +
      "operation",
  },
];
