import { inFuzz, inSecurity, type Row } from "./row.ts";
import { ANSWER_ROWS } from "./rows-answers.ts";

/** Threats, and the tests of what is done against them. */
export const ROWS: readonly Row[] = [
  ...ANSWER_ROWS,
  {
    threat:
      "a signature that is guessed by the time of its comparison, or compared with other bytes",
    proofs: [
      inFuzz("webhook-stripe"),
      inFuzz("signature-text"),
      ["test/webhooks/traps.ts", "any altered byte of the body is refused"],
      [
        "test/webhooks/traps.ts",
        "bytes that a lenient decoder would take for the same text are refused",
      ],
      inSecurity(
        "signatures",
        "every secret is tried on every signature, whichever of them matches",
      ),
      inSecurity(
        "signatures",
        "bytes of any two lengths are compared, and only the same are equal",
      ),
    ],
    open:
      "times are not measured: digests of equal length are compared by `timingSafeEqual`, " +
      "whose time is Node's to prove, and a shared machine measures its neighbours",
  },
  {
    threat: "a webhook that is sent again",
    proofs: [
      [
        "test/webhooks/stripe.test.ts",
        "a signed time counts from the tolerance before now to a minute after it",
      ],
      [
        "test/core/inbox/inbox.test.ts",
        "an event that comes twice is handled once, after it was acknowledged",
      ],
      ["test/fuzz/findings.test.ts", "a number in the place of a signed text is no other event"],
      inFuzz("webhook-adyen"),
    ],
  },
  {
    threat: "another algorithm, another provider's secret, no secret",
    proofs: [
      ["test/webhooks/traps.ts", "there is no endpoint without a secret"],
      [
        "test/webhooks/traps.ts",
        "each secret of a rotation counts in its time, and its name is told",
      ],
      ["test/webhooks/github.test.ts", "another algorithm's signature counts for nothing"],
      ["test/fuzz/findings.test.ts", "a form's text that was moved into the URL proves no body"],
      [
        "test/webhooks/standard.test.ts",
        "a public key checks v1a, and neither version stands in for the other",
      ],
      ["test/webhooks/traps.ts", "a secret that is short enough to be guessed is refused"],
      [
        "test/webhooks/standard.test.ts",
        "a secret that is none is refused before anything is received",
      ],
    ],
  },
  {
    threat: "webhooks out that are aimed at the private network",
    proofs: [
      [
        "test/webhooks/address-guard.test.ts",
        "an address is public only where a public server can have it",
      ],
      [
        "test/webhooks/address-guard.test.ts",
        "a name that turns private between two sends is refused the second time",
      ],
      [
        "test/webhooks/relay.test.ts",
        "a name is resolved once for a send, which goes to the address that was checked",
      ],
      [
        "test/webhooks/relay.test.ts",
        "only a 2xx is an arrival, no redirect is followed, and 410 is the end",
      ],
    ],
  },
  {
    threat: "JSON that reaches prototypes, has two readings, or is too deep",
    proofs: [
      inFuzz("json-body"),
      inFuzz("fingerprint"),
      ["test/http/refusals.ts", "S3: numbers and texts without one reading are refused"],
      ["test/model/json.test.ts", "nesting is read to its limit and refused beyond it"],
      ["test/model/fingerprint.test.ts", "a member called __proto__ counts like any other"],
      [
        "test/model/members.test.ts",
        "a text with two members of one name in one object is told from every other",
      ],
      ...[
        "Request and Response: a body with two readings is refused, and leaves the key free",
        "Hono: a body with two readings is refused, and leaves the key free",
        "Express: a body that no parser has read is refused, and leaves the key free",
        "Fastify: a body that is handed on as bytes is refused, and leaves the key free",
        "where a framework's parser has read, fingerprint and handler have its one reading",
        "a signed webhook with two readings is taken, and the last member counts for all of it",
      ].map((title) => inSecurity("two-readings", title)),
    ],
    open:
      "what a framework's own parser has left of two members cannot be seen any more; the " +
      "pages say how to hand on bytes",
  },
  {
    threat: "sizes without a bound",
    proofs: [
      inFuzz("key"),
      ["test/model/key.test.ts", "a key has at most 255 characters in either spelling"],
      ["test/model/key.test.ts", "two header lines are no key"],
      ["test/http/refusals.ts", "S3: a body beyond the limit is refused, and leaves the key free"],
      [
        "test/http/answers.ts",
        "S20: a response too large to keep is given once, and its operation never runs again",
      ],
      [
        "test/core/semantics.test.ts",
        "S4: waiting duplicates are bounded: one too many is told in-progress at once",
      ],
    ],
    open:
      "keys per account and minute are limited before the protection, by the application's " +
      "own limiter: the number is a rule of its business",
  },
  {
    threat: "keys that are taken before their owner comes, or held for ever",
    proofs: [
      [
        "test/core/semantics.test.ts",
        "S13: another scope with the same key and body is another operation and learns nothing",
      ],
      ["test/http/trpc.test.ts", "G: a client's key is not the key of a job"],
      [
        "test/core/semantics.test.ts",
        "S24: nothing of a call that was refused outside is stored, so rate limits go before the claim",
      ],
    ],
    open:
      "there is no quota of an account: it would be a second row in every claim; a limiter " +
      "before the protection and the bounds of runs and waiting stand for it",
  },
  {
    threat: "SQL in keys, names and texts",
    proofs: [
      [
        "src/verify/cases/hostile.ts",
        "hostile scopes, keys and names are data, and each is an operation of its own",
      ],
      [
        "src/verify/cases/inbox-hostile.ts",
        "hostile sources, keys, aliases, types, objects, changes, states and errors are data",
      ],
      ["test/stores/sqlite-extra.test.ts", "a prefix that is no identifier is refused"],
    ],
  },
  {
    threat: "Lua and keys of Redis",
    proofs: [],
    open: "there is no store on Redis, because it forgets acknowledged writes in a failover",
  },
  {
    threat: "the dashboard",
    proofs: [],
    open: "there is no dashboard yet; its address, origin and content policy are proved with it",
  },
  {
    threat: "the command line",
    proofs: [
      [
        "test/cli/cli.test.ts",
        "text of strangers is shown, not obeyed, and no colours go into a pipe",
      ],
      [
        "test/cli/inbox.test.ts",
        "a dry run says what it would do, and changes nothing but the log",
      ],
      [
        "test/cli/settle.test.ts",
        "a word without a reason, a step or a finding is refused, and says what is missing",
      ],
      inFuzz("terminal"),
    ],
  },
  {
    threat: "keys and bodies in logs and metrics",
    proofs: [
      inSecurity(
        "card-data",
        "under encryption no card number is in a file, a report or the command line",
      ),
      inSecurity("error-text", "an error that cannot be masked is not told"),
      inSecurity("error-text", "what is made of an error is bounded too"),
      inSecurity("card-members", "a name that a client chose is one bounded text in the log"),
    ],
    open:
      "a report has the handler's own error as it was thrown, because it goes to the " +
      "handler's own program",
  },
  {
    threat: "what is installed with the package",
    proofs: [
      inSecurity(
        "supply-chain",
        "what comes with the package is three small packages that bring no others",
      ),
      inSecurity("supply-chain", "nothing runs when the package is installed"),
      inSecurity("supply-chain", "every installed package is pinned by its digest"),
      [
        "test/package/package.test.ts",
        "the tarball holds what is built and what is read, and nothing else",
      ],
    ],
    open: "provenance and pinned actions belong to the publishing, which is not there yet",
  },
  {
    threat: "texts that make a reader slow",
    proofs: [
      [
        "test/fuzz/findings.test.ts",
        "a header of spaces costs no time before its signature is looked at",
      ],
      [
        "test/fuzz/findings.test.ts",
        "many elements of one name are read in the time of many elements",
      ],
      inFuzz("xml"),
    ],
  },
];
