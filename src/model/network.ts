import type { Verdict } from "./step.ts";

/** What an error of Node's network tells of a request. */
export interface NetworkJudgement {
  readonly verdict: Extract<Verdict, "not-executed" | "unanswered">;
  /** What proves it, or why nothing is proved, in a line that holds no text of the error. */
  readonly because: string;
}

/** One row of the table: errors that look like this prove that. */
export interface NetworkEvidence extends NetworkJudgement {
  readonly codes: readonly string[];
  /** The system call that must have failed; without it the code alone is enough. */
  readonly syscall?: string;
}

/**
 * What the errors of `node:http`, `node:https`, `fetch` and undici prove. A row says
 * `not-executed` only for what fails before the first byte of a request can be written.
 *
 * @internal
 * @see https://nodejs.org/api/errors.html#common-system-errors
 */
export const NETWORK_EVIDENCE: readonly NetworkEvidence[] = [
  {
    verdict: "not-executed",
    codes: ["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME", "EAI_MEMORY"],
    syscall: "getaddrinfo",
    because: "the name was not resolved",
  },
  {
    verdict: "not-executed",
    codes: [
      ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ETIMEDOUT"],
      ...["EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL"],
      ...["EACCES", "EPERM", "EMFILE", "ENFILE", "ENOBUFS", "ENOENT", "EAFNOSUPPORT"],
    ],
    syscall: "connect",
    because: "no connection was made",
  },
  {
    verdict: "not-executed",
    codes: ["UND_ERR_CONNECT_TIMEOUT"],
    because: "no connection was made in time",
  },
  {
    verdict: "not-executed",
    codes: [
      ...["ERR_TLS_CERT_ALTNAME_INVALID", "DEPTH_ZERO_SELF_SIGNED_CERT", "CERT_HAS_EXPIRED"],
      ...["SELF_SIGNED_CERT_IN_CHAIN", "CERT_NOT_YET_VALID", "CERT_UNTRUSTED", "CERT_REJECTED"],
      ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT", "CERT_REVOKED"],
      ...["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "CERT_SIGNATURE_FAILURE", "CERT_CHAIN_TOO_LONG"],
      ...["INVALID_CA", "INVALID_PURPOSE", "HOSTNAME_MISMATCH"],
    ],
    because: "the certificate was refused before the request was written",
  },
  {
    verdict: "unanswered",
    codes: ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "ECONNABORTED"],
    because: "the connection broke, perhaps after the request was read",
  },
  {
    verdict: "unanswered",
    codes: ["ETIMEDOUT", "ESOCKETTIMEDOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"],
    because: "no whole answer came in time",
  },
  {
    verdict: "unanswered",
    codes: ["ABORT_ERR", "UND_ERR_ABORTED", "UND_ERR_DESTROYED", "UND_ERR_CLOSED"],
    because: "the request was given up, perhaps after it was written",
  },
  {
    verdict: "unanswered",
    codes: ["UND_ERR_RESPONSE", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "HPE_INVALID_CONSTANT"],
    because: "an answer came that cannot be read",
  },
];

const UNKNOWN: NetworkJudgement = { verdict: "unanswered", because: "nothing is proved" };
const ANSWERED: NetworkJudgement = { verdict: "unanswered", because: "an answer came" };

/** Errors are wrapped a few times at most; whoever wraps more proves nothing. */
const VISITS_MAX = 24;
/** Where libraries put the status of an answer. */
const STATUSES = ["status", "statusCode", "http_code", "httpStatus", "httpStatusCode"];
const NAMES_OF_ABORTS: ReadonlySet<unknown> = new Set(["AbortError", "TimeoutError"]);

/**
 * What an error of one try of a request proves, wrapped in whichever `cause`. Never throws.
 *
 * It speaks of the try that failed: a client that tries again by itself hides the tries before.
 */
export function judgeNetwork(error: unknown): NetworkJudgement {
  try {
    return judge(error, { left: VISITS_MAX });
  } catch {
    return UNKNOWN;
  }
}

/** One error of a chain; undefined for one that says nothing by itself. */
type Finding = NetworkJudgement | undefined;

/** The chain proves something only if a link proves it and no link speaks against it. */
function judge(error: unknown, visits: { left: number }): NetworkJudgement {
  visits.left -= 1;
  if (visits.left < 0 || typeof error !== "object" || error === null) return UNKNOWN;
  const own = judgeLink(error);
  if (own?.verdict === "unanswered") return own;
  const inner: NetworkJudgement[] = [];
  const cause: unknown = Reflect.get(error, "cause");
  if (cause !== undefined && cause !== null) inner.push(judge(cause, visits));
  const members: unknown = Reflect.get(error, "errors");
  if (Array.isArray(members)) {
    // Several addresses were tried at once; the request may have left to any of them.
    if (members.length === 0 || members.length > VISITS_MAX) return UNKNOWN;
    for (let index = 0; index < members.length; index += 1)
      inner.push(judge(members[index], visits));
  }
  const doubt = inner.find((found) => found.verdict === "unanswered");
  return doubt ?? own ?? inner[0] ?? UNKNOWN;
}

function judgeLink(error: object): Finding {
  if (STATUSES.some((name) => typeof Reflect.get(error, name) === "number")) return ANSWERED;
  if (NAMES_OF_ABORTS.has(Reflect.get(error, "name"))) return rowOf("ABORT_ERR", undefined);
  const code: unknown = Reflect.get(error, "code");
  if (code === undefined || code === null) return undefined;
  if (typeof code !== "string") return UNKNOWN;
  // A collection repeats the code of a member without its system call.
  if (Array.isArray(Reflect.get(error, "errors"))) return KNOWN.has(code) ? undefined : UNKNOWN;
  return rowOf(code, Reflect.get(error, "syscall")) ?? UNKNOWN;
}

const KNOWN: ReadonlySet<string> = new Set(
  NETWORK_EVIDENCE.filter((row) => row.verdict === "not-executed").flatMap((row) => row.codes),
);

function rowOf(code: string, syscall: unknown): Finding {
  const row = NETWORK_EVIDENCE.find(
    (known) =>
      known.codes.includes(code) && (known.syscall === undefined || known.syscall === syscall),
  );
  return row === undefined ? undefined : { verdict: row.verdict, because: row.because };
}
