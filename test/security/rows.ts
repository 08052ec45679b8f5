/** A test that proves a rule, by its file and its title. */
export type Proof = readonly [file: string, title: string];

export interface Row {
  readonly threat: string;
  readonly proofs: readonly Proof[];
  /** What of the rule is not there, and why. */
  readonly open?: string;
}

const inSecurity = (file: string, title: string): Proof => [`test/security/${file}.test.ts`, title];
const inFuzz = (target: string): Proof => ["test/fuzz/targets.ts", target];

/** Threats, and the tests of what is done against them. */
export const ROWS: readonly Row[] = [
  {
    threat: "keys that are guessed, or enumerated, across accounts",
    proofs: [
      inSecurity(
        "scopes",
        "whatever another account does, an account's operations stay as they are",
      ),
      inSecurity("scopes", "another account's key is answered like one that nobody has"),
      inSecurity("scopes", "where scope and key end is no matter of the letters between them"),
      ["test/model/key.test.ts", "moving a letter from scope to key makes another record id"],
      ["test/model/scope.test.ts", "a scope made of a missing value is refused (H28)"],
      [
        "test/http/refusals.ts",
        "S13: a request without a scope reaches the developer, and runs nothing",
      ],
    ],
    open: "the id is a plain digest without a secret; the time of an answer is not compared",
  },
  {
    threat: "a replay for somebody who has lost the right to it",
    proofs: [inSecurity("scopes", "who has lost the right to ask is given no replay")],
    open: "the person within an account is no part of the fingerprint",
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
    ],
    open: "a replay has no `cache-control: no-store` of its own",
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
    ],
    open: "card numbers in clear are not looked for; the text of an error is kept in clear",
  },
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
    ],
    open: "times are not measured; digests of equal length are compared by `timingSafeEqual`",
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
    ],
    open: "a short secret is taken, as its provider has made it",
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
    ],
    open: "of two members with one name the last counts, for the fingerprint as for the handler",
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
    open: "keys per account and minute are the application's own to limit",
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
    open: "there is no quota of an account",
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
  { threat: "Lua and keys of Redis", proofs: [], open: "there is no store on Redis" },
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
    ],
    open: "a report has the handler's own error as it was thrown",
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
